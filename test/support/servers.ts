import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeviceWithKey } from '../../runtime/contracts/api.ts';
import { temporaryFolder } from './folders.ts';
import { putMigratedPglite } from './pglite-image.ts';
import { freePorts, lives, Program, ROOT } from './programs.ts';
import { ServerApi } from './server-api.ts';
import { until } from './until.ts';

export const ADMIN_PASSWORD = 'shelf and hand and bottle';
/** A start takes 3 to 4 s, several times that on a busy machine. */
const READY_MS = 90_000;

/** The built server with a data folder, ports and a password of its own; it can be ended and started again on the same ones. */
export class ServerUnderTest {
  readonly folder: string;
  readonly url: string;
  readonly api: ServerApi;
  readonly #env: Record<string, string>;
  #program: Program | undefined;

  private constructor(folder: string, ports: number[], env: Record<string, string>) {
    const [port = 0, mqttPort = 0, webrtcPort = 0] = ports;
    this.folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    const own = { PORT: `${port}`, MQTT_PORT: `${mqttPort}`, WEBRTC_UDP_PORT: `${webrtcPort}` };
    this.#env = { DATA_DIR: join(folder, 'data'), ...own, ADMIN_PASSWORD, ...env };
    this.api = new ServerApi(this.url, 'admin', ADMIN_PASSWORD);
  }

  /**
   * Makes one and starts it; `env` adds settings, as DATABASE_URL. An embedded database lies ready, migrated and empty: how the product
   * makes it, which takes 6 s, is shown by the test of `npm start`.
   */
  static async start(env: Record<string, string> = {}): Promise<ServerUnderTest> {
    const server = new ServerUnderTest(await temporaryFolder('redeye-e2e'), await freePorts(3), env);
    const { DATABASE_URL, DATA_DIR = '' } = server.#env;
    if (DATABASE_URL === undefined) {
      await mkdir(DATA_DIR, { mode: 0o700, recursive: true });
      await putMigratedPglite(join(DATA_DIR, 'db'));
    }
    await server.start();
    return server;
  }

  get program(): Program {
    if (!this.#program) throw new Error('the server was never started');
    return this.#program;
  }

  get flowsDir(): string {
    return join(this.folder, 'data', 'flows');
  }

  /** Starts it (again) and waits until it is ready in every part. */
  async start(): Promise<void> {
    const program = new Program({
      name: 'the server',
      file: 'runtime/cli/server.js',
      env: this.#env,
      folder: this.folder,
    });
    this.#program = program;
    await program.while(
      'the server is ready',
      async () => (await fetch(`${this.url}/readyz`).catch(() => undefined))?.ok,
      READY_MS,
    );
  }

  async end(signal: NodeJS.Signals = 'SIGTERM') {
    return this.#program?.end(signal);
  }

  /** Registers a device through the API; its key comes once. */
  async device(id: string): Promise<DeviceWithKey> {
    return this.api.post<DeviceWithKey>('/devices', { id, name: `Device ${id}` });
  }
}

/** The built edge (agent and its child) with a data folder and a port of its own. */
export class EdgeUnderTest {
  readonly folder: string;
  readonly #env: Record<string, string>;
  #program: Program | undefined;

  private constructor(folder: string, env: Record<string, string>) {
    this.folder = folder;
    this.#env = env;
  }

  static async start(
    server: { url: string },
    device: DeviceWithKey,
    camera: string,
    env: Record<string, string> = {},
  ): Promise<EdgeUnderTest> {
    const [port = 0] = await freePorts(1);
    const folder = await temporaryFolder('redeye-e2e-edge');
    const edge = new EdgeUnderTest(folder, {
      SERVER_URL: server.url,
      DEVICE_ID: device.id,
      DEVICE_KEY: device.api_key,
      EDGE_PORT: `${port}`,
      EDGE_DATA_DIR: join(folder, 'edge'),
      CAMERA: camera,
      ...env,
    });
    edge.start();
    return edge;
  }

  get program(): Program {
    if (!this.#program) throw new Error('the edge was never started');
    return this.#program;
  }

  start(): void {
    const [name, file] = ['the edge', 'edge/main.js'];
    this.#program = new Program({ name, file, flags: flagsOfUnit(), env: this.#env, folder: this.folder });
  }

  async end(signal: NodeJS.Signals = 'SIGTERM') {
    return this.#program?.end(signal);
  }

  /** The pid of the Node-RED child, once there is a living one that is not `than`. */
  async child(than?: number): Promise<number> {
    return this.program.while('the agent has a child', async () => {
      const text = await readFile(join(this.folder, 'edge', 'child.pid'), 'utf8').catch(() => '');
      const pid = Number(text);
      return pid > 1 && pid !== than && (await lives(pid)) && pid;
    });
  }

  /** Numbers of the frames that wait for the server. */
  async spooled(): Promise<number[]> {
    const folder = join(this.folder, 'edge', 'spool');
    await mkdir(folder, { recursive: true });
    const names = await readdir(folder);
    return names.filter((name) => /^\d+\.frame$/.test(name)).map((name) => Number.parseInt(name, 10));
  }

  /** Waits until at least so many frames wait. */
  async hasSpooled(count: number): Promise<void> {
    await this.program.while(`${count} frames are spooled`, async () => (await this.spooled()).length >= count);
  }

  async spoolDrains(): Promise<void> {
    await this.program.while('the spool drains', async () => (await this.spooled()).length <= 1);
  }
}

/** Waits until nothing is left to analyse, and answers how many jobs ended in which way; throws the reasons of those that are dead. */
export async function jobsSettle(api: ServerApi): Promise<Record<string, number>> {
  const counts = await until(
    'all jobs have ended',
    async () => {
      const counts = await api.get<Record<string, number>>('/jobs/counts');
      return counts.queued === 0 && counts.running === 0 && counts.failed === 0 && counts;
    },
    30_000,
  );
  if (counts.dead === 0) return counts;
  const { items } = await api.get<{ items: unknown[] }>('/jobs?status=dead');
  throw new Error(`dead jobs: ${JSON.stringify(items, null, 2)}`);
}

/** Node's options as the unit of an installed device has them. */
function flagsOfUnit(): string[] {
  const unit = readFileSync(join(ROOT, 'deploy/systemd/redeye-edge.service'), 'utf8');
  return /^ExecStart=\S+ ((?:--[a-z-]+ )*)dist/m.exec(unit)?.[1]?.split(' ').filter(Boolean) ?? [];
}
