import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { temporaryFolder } from './folders.ts';
import { freePorts } from './ports.ts';
import { until } from './until.ts';

/** A real PostgreSQL of the test's own. */
export interface PostgresServer {
  /** of the database `postgres`, as its superuser; `database` names another one */
  url(database?: string): string;
  /** Starts it again on the same folder and port; for after `stop` or `crash`. */
  start(): Promise<void>;
  /** Ends it in order, connections first. */
  stop(): Promise<void>;
  /** Ends it as a power cut would end its process. */
  crash(): Promise<void>;
  /** Ends it for good and removes its folder. */
  close(): Promise<void>;
}

export interface PostgresServerOptions {
  /** lines for postgresql.conf, as `{fsync: 'off'}` */
  settings?: Record<string, string>;
}

/**
 * Stands between us and PostgreSQL: a line on its input is the signal to end it by. When the input just ends, this process is
 * gone, however that came, and PostgreSQL and its folder go too.
 */
const GUARD = `
  folder=$1; shift
  "$@" > "$folder/log" 2>&1 &
  if read -r signal; then kill -$signal $! 2>/dev/null; wait $!; exit 0; fi
  kill -QUIT $!; wait $!; rm -rf "$folder"
`;

const running = new Set<PostgresServer>();

after(async () => {
  for (const server of [...running]) await server.close();
});

/**
 * Starts a PostgreSQL from the binaries on this machine, on a free port of 127.0.0.1, as an unprivileged user when we are root,
 * with fsync on. It is stopped at the end of the run at the latest, and also when the run is killed. Throws with the package's
 * name where the binaries are missing.
 */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const bin = binaries();
  const owner = unprivileged();
  const folder = await mkdtemp(join(tmpdir(), 'redeye-postgres-'));
  const data = join(folder, 'data');
  await chmod(folder, 0o700);
  if (owner) await chown(folder, owner.uid, owner.gid);
  image ??= makeImage(bin, owner);
  const { cluster, password } = await image;
  execFileSync('cp', ['-a', cluster, data]);
  const server = new Server({ bin, owner, folder, data, password, settings: options.settings ?? {} });
  running.add(server);
  try {
    await server.start();
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

let image: Promise<{ cluster: string; password: string }> | undefined;

/** A new cluster, made once per run and copied for each who asks: that takes a tenth of making one. Goes with the run. */
async function makeImage(bin: string, owner: ServerOptions['owner']): Promise<{ cluster: string; password: string }> {
  const folder = await temporaryFolder('redeye-postgres-image');
  const password = randomBytes(12).toString('hex');
  const cluster = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner) for (const path of [folder, passwordFile]) await chown(path, owner.uid, owner.gid);
  const setUp = ['-D', cluster, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile];
  execFileSync(join(bin, 'initdb'), [...setUp, '-E', 'UTF8', '--locale=C', '--no-sync'], {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { cluster, password };
}

interface ServerOptions {
  bin: string;
  owner: { uid: number; gid: number } | undefined;
  folder: string;
  data: string;
  password: string;
  settings: Record<string, string>;
}

class Server implements PostgresServer {
  readonly #options: ServerOptions;
  #port = 0;
  #guard: ChildProcess | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  url(database = 'postgres'): string {
    return `postgres://postgres:${this.#options.password}@127.0.0.1:${this.#port}/${database}`;
  }

  async start(): Promise<void> {
    const { bin, owner, folder, data, settings } = this.#options;
    this.#port ||= (await freePorts(1))[0] ?? 0;
    const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', shared_buffers: '32MB', ...settings };
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const command = [join(bin, 'postgres'), '-D', data, '-p', `${this.#port}`, ...flags];
    await rm(join(folder, 'log'), { force: true });
    this.#guard = spawn('sh', ['-c', GUARD, 'sh', folder, ...command], {
      ...owner,
      cwd: folder,
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    await this.#answers();
  }

  stop(): Promise<void> {
    return this.#end('INT');
  }

  crash(): Promise<void> {
    return this.#end('QUIT');
  }

  async close(): Promise<void> {
    await this.#end('QUIT');
    running.delete(this);
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  async #end(signal: 'INT' | 'QUIT'): Promise<void> {
    const guard = this.#guard;
    if (!guard) return;
    this.#guard = undefined;
    const exited = once(guard, 'exit');
    guard.stdin?.write(`${signal}\n`);
    await exited;
  }

  #log(): string {
    const path = join(this.#options.folder, 'log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  async #answers(): Promise<void> {
    await until('PostgreSQL answers', async () => {
      if (/is shut down|FATAL: {2}(could not|data)/.test(this.#log())) {
        throw new Error(`PostgreSQL did not start: ${this.#log()}`);
      }
      const client = new pg.Client({ connectionString: this.url(), connectionTimeoutMillis: 2_000 });
      try {
        await client.connect();
        await client.end();
        return true;
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code !== '57P03') throw error;
        return false;
      }
    });
  }
}

/**
 * Where PostgreSQL's programs are: what `pg_config` says, or the newest of Debian's folders. `pg_config` may come without the
 * server, so each place is looked into.
 */
function binaries(): string {
  const places: string[] = [];
  try {
    places.push(
      execFileSync('pg_config', ['--bindir'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
    );
  } catch (error) {
    // Not in the path: the other places remain.
    if (!(error instanceof Error)) throw error;
  }
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  places.push(...versions.map((version) => join(debian, version, 'bin')));
  places.push('/usr/local/bin', '/usr/bin', '/opt/homebrew/bin');
  const place = places.find((each) => existsSync(join(each, 'initdb')) && existsSync(join(each, 'postgres')));
  if (place) return place;
  throw new Error('these tests need a real PostgreSQL: install the package "postgresql" (apt-get install postgresql)');
}

/** PostgreSQL refuses to run as root: then the user `postgres` or `nobody` stands in. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('PostgreSQL cannot run as root, and there is neither a user "postgres" nor "nobody"');
}
