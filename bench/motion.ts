import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cpuSeconds } from './cpu.ts';
import type { Size } from './pictures.ts';

/** Pictures that motion gets before anything is measured: it learns its reference, and starting it is not what we measure. */
const WARM_UP = 90;
/** A picture that was not taken up by then counts as skipped. */
const LONGEST_MS = 1000;
const BOUNDARY = 'picture';
/** Said once for each picture that motion takes up, by its network camera, at log level 8. */
const TAKEN = 'processing jpeg image';

/** The version of motion that is installed, if one is. */
export function motionVersion(): string | undefined {
  const { stdout, error } = spawnSync('motion', ['-h'], { encoding: 'utf8' });
  return error ? undefined : /Version (\S+?),?\s/.exec(stdout)?.[1];
}

/**
 * One run of motion: a camera of MJPEG over loopback plays the pictures at `fps`, motion detects and writes nothing. Answers its CPU
 * seconds from picture `WARM_UP` on, and how many pictures it took up meanwhile, counted in its own log.
 */
export async function runMotion(
  folder: string,
  size: Size,
  jpegs: Buffer[],
  fps: number,
): Promise<{ cpu: number; frames: number }> {
  const camera = await startCamera();
  const log = join(folder, 'motion.log');
  writeFileSync(log, '');
  writeFileSync(join(folder, 'motion.conf'), configuration(folder, log, size, camera.port));
  const child = spawn('motion', ['-n', '-c', join(folder, 'motion.conf')], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  try {
    const viewer = await Promise.race([camera.viewer(), exited.then(() => undefined)]);
    if (!viewer) throw new Error(`motion ended:\n${readFileSync(log, 'utf8').slice(-1000)}`);
    const at = (n: number) => jpegs[n % jpegs.length] ?? Buffer.alloc(0);
    // It tries the connection out and may come again.
    const seen = countIn(log);
    await play(camera, WARM_UP, (n) => at(jpegs.length - WARM_UP + n), fps, seen);
    const before = { cpu: cpuSeconds(child.pid ?? 0), frames: seen.count() };
    await play(camera, jpegs.length, at, fps, seen);
    return { cpu: cpuSeconds(child.pid ?? 0) - before.cpu, frames: seen.count() - before.frames };
  } finally {
    await end(child, exited);
    camera.close();
  }
}

/** What Debian's package sets, without a picture, film, page or stream of its own. */
function configuration(folder: string, log: string, { width, height }: Size, port: number): string {
  return [
    'daemon off',
    'setup_mode off',
    `log_file ${log}`,
    'log_level 8',
    'log_type NET',
    `target_dir ${folder}`,
    `netcam_url mjpeg://127.0.0.1:${port}/`,
    `width ${width}`,
    `height ${height}`,
    // The camera sets the pace; a lower limit would skip pictures.
    'framerate 100',
    'text_right %Y-%m-%d\\n%T-%q',
    'despeckle_filter EedDl',
    'picture_output off',
    'movie_output off',
    'webcontrol_port 0',
    'stream_port 0',
    '',
  ].join('\n');
}

type Camera = Awaited<ReturnType<typeof startCamera>>;

async function startCamera() {
  const viewers = new Set<ServerResponse>();
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': `multipart/x-mixed-replace; boundary=${BOUNDARY}` });
    viewers.add(response);
    response.once('close', () => viewers.delete(response));
    server.emit('viewer', response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    viewers,
    viewer: async () => (await once(server, 'viewer'))[0] as ServerResponse,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Sends the next picture when it is due and the one before was taken up: motion only ever sees the newest, and would skip some. */
async function play(
  camera: Camera,
  count: number,
  at: (n: number) => Buffer,
  fps: number,
  log: LogCount,
): Promise<void> {
  const begin = performance.now();
  for (let n = 0; n < count; n += 1) {
    const wait = begin + (n * 1000) / fps - performance.now();
    if (wait > 0) await pause(wait);
    const jpeg = at(n);
    const before = log.count();
    const head = `--${BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`;
    for (const viewer of camera.viewers) {
      viewer.write(head);
      viewer.write(jpeg);
      viewer.write('\r\n');
    }
    const patience = performance.now() + LONGEST_MS;
    while (log.count() === before && performance.now() < patience) await pause(2);
  }
}

interface LogCount {
  count(): number;
}

/** Counts the pictures in a log that grows. */
function countIn(file: string): LogCount {
  const handle = openSync(file, 'r');
  const chunk = Buffer.alloc(64 * 1024);
  let rest = '';
  let counted = 0;
  return {
    count() {
      for (let read = readSync(handle, chunk); read > 0; read = readSync(handle, chunk)) {
        const lines = (rest + chunk.toString('latin1', 0, read)).split('\n');
        rest = lines.pop() ?? '';
        counted += lines.filter((line) => line.includes(TAKEN)).length;
      }
      return counted;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), 5000);
  await exited;
  clearTimeout(patience);
}
