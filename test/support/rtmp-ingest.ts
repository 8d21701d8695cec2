import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { temporaryFolder } from './folders.ts';
import { freePorts, isTaken } from './ports.ts';
import { until } from './until.ts';

const runFile = promisify(execFile);
const MODULE = '/usr/lib/nginx/modules/ngx_rtmp_module.so';

/** A real RTMP server on 127.0.0.1: nginx with its rtmp module, one process, everything in a folder of its own. */
export class RtmpIngest {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | undefined;

  constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** Starts one that refuses the key `refused`; `hook`: who else is asked about each publisher, by `?name=`. */
  static async start(options: { hook?: string } = {}): Promise<RtmpIngest> {
    const folder = await temporaryFolder('rtmp');
    const [port = 0, web = 0] = await freePorts(2);
    const http = `http { access_log off; server { listen 127.0.0.1:${web}; location / { if ($arg_name = refused) { return 403; } return 200; } } }`;
    const rtmp = `application live { live on; wait_key on; wait_video on; notify_method get; on_publish ${options.hook ?? `http://127.0.0.1:${web}/`}; }`;
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const config = [
      `load_module ${MODULE}; daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log info;`,
      process.getuid?.() === 0 ? 'user root;' : '',
      'events { worker_connections 256; }',
      `rtmp { access_log off; server { listen 127.0.0.1:${port}; chunk_size 4096; ${rtmp} } }`,
      http.replace('access_log off;', `access_log off; ${temporary.join(' ')}`),
    ];
    await writeFile(join(folder, 'nginx.conf'), config.join('\n'));
    const ingest = new RtmpIngest(port, folder);
    await ingest.back();
    return ingest;
  }

  /** Where pushes without a key go. */
  get url(): string {
    return `rtmp://127.0.0.1:${this.port}/live`;
  }

  /** What a player would find under the key: streams as ffprobe tells them. */
  async probe(key: string): Promise<{ codec_name: string; width?: number; channels?: number; sample_rate?: string }[]> {
    const args = ['-v', 'error', '-rw_timeout', '4000000', '-show_streams', '-of', 'json', `${this.url}/${key}`];
    const { stdout } = await runFile('ffprobe', args, { timeout: 8000 });
    return JSON.parse(stdout).streams;
  }

  /** Pictures (type 0) and sound (type 1) as a player gets them: times in seconds, and how loud the sound was. */
  async play(key: string, seconds: number): Promise<{ video: number[]; audio: number[]; complaints: string }> {
    const args = ['-v', 'error', '-rw_timeout', '4000000', '-i', `${this.url}/${key}`, '-t', `${seconds}`];
    const { stdout, stderr } = await runFile('ffmpeg', [...args, '-map', '0', '-f', 'framecrc', 'pipe:1'], {
      timeout: 20_000,
      maxBuffer: 16 * 1024 * 1024,
    });
    const rows = stdout.split('\n').filter((line) => /^\d+,/.test(line));
    const times = (stream: number) =>
      rows.filter((row) => row.startsWith(`${stream},`)).map((row) => Number(row.split(',')[2]));
    const header = /#codec_id 0: (\w+)/.exec(stdout)?.[1];
    const [video, audio] = header === 'rawvideo' ? [times(0), times(1)] : [times(1), times(0)];
    return { video, audio, complaints: stderr };
  }

  /** SIGSTOP: connections stay, nobody reads. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Of its only process, while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Starts it again at the same port, and waits until it listens. */
  async back(): Promise<void> {
    const args = ['-p', this.#folder, '-c', join(this.#folder, 'nginx.conf'), '-e', join(this.#folder, 'error.log')];
    this.#child = spawn('/usr/sbin/nginx', args, { stdio: 'ignore' });
    const child = this.#child;
    await until('nginx listens (test/packages.txt installed?)', async () => {
      if (child.exitCode !== null)
        throw new Error(`nginx ended: ${await readFile(join(this.#folder, 'error.log'), 'utf8')}`);
      return isTaken(this.port);
    });
  }
}

/** TLS in front of a port of 127.0.0.1, with a certificate for `localhost` that only `caFile` vouches for. */
export interface TlsFront {
  port: number;
  caFile: string;
  /** server names that clients asked for */
  readonly names: string[];
  close(): Promise<void>;
}

export async function startTlsFront(behind: number): Promise<TlsFront> {
  const folder = await temporaryFolder('tls');
  const [keyFile, caFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  await runFile('openssl', [...made, ...subject, '-keyout', keyFile, '-out', caFile]);
  const names: string[] = [];
  const open = new Set<TLSSocket>();
  const server: Server = createServer({ key: await readFile(keyFile), cert: await readFile(caFile) }, (socket) => {
    names.push(String((socket as TLSSocket & { servername?: string | false }).servername));
    open.add(socket);
    const plain = connectPlain(behind, '127.0.0.1');
    const end = () => {
      open.delete(socket);
      socket.destroy();
      plain.destroy();
    };
    socket.pipe(plain).pipe(socket);
    for (const side of [socket, plain]) side.on('error', end).on('close', end);
  });
  server.on('tlsClientError', () => undefined);
  const [port = 0] = await freePorts(1);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    caFile,
    names,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
