import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Access, hashOfKey } from '../../edge/runtime/access.ts';
import type { AgentPort } from '../../edge/runtime/agent-port.ts';
import { createDialects } from '../../edge/runtime/dialects.ts';
import { LiveDoor } from '../../edge/runtime/live-door.ts';
import { LiveGate } from '../../edge/runtime/live-gate.ts';
import { createEdgeLiveHost } from '../../edge/runtime/live-host.ts';
import { localAccess } from '../../edge/runtime/local-access.ts';
import type { HttpHandler } from '../../runtime/flow-engine/http-mount.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { type CameraSet, createCameraSet } from '../../runtime/media/camera-set.ts';
import { FakeHost } from './fake-host.ts';
import { playFlow } from './flow-player.ts';
import { temporaryFolder } from './folders.ts';

/** The device's key. */
export const DEVICE_KEY = 'a-device-key-of-its-own';
/** The key for the device's own network. */
export const LOCAL_KEY = 'LOCAL_of-this-test';

/** What came back. */
export interface Came {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each looked at where it is expected
  json: any;
  bytes: Buffer;
  headers: Headers;
}

export interface AskOptions {
  body?: unknown;
  /** null: none */
  key?: string | null;
  headers?: Record<string, string>;
}

/** A device's HTTP door with its shipped dialect tabs behind it, in this process: two drawn cameras, `pi-cam` the dialects' own. */
export interface EdgeDoor {
  url: string;
  cameras: CameraSet;
  pushes: FakeHost['pushes'];
  ask(method: string, path: string, options?: AskOptions): Promise<Came>;
  /** OPEN_DIALECTS from now on */
  open(names: string[]): void;
  /** what the server was to get; `delivery` is what becomes of the next one */
  brought: { id: string; picture: Parameters<AgentPort['bring']>[1] }[];
  delivery: () => ReturnType<AgentPort['bring']>;
  /** Stops answering by flows, as while they start, and goes on. */
  flowsRun(isRunning: boolean): void;
  stop(): Promise<void>;
}

/** Opens one on a free port. */
export async function openEdgeDoor(): Promise<EdgeDoor> {
  let open: string[] = [];
  const clock = systemClock;
  const log = silentLog;
  const cameras = createCameraSet({
    clock,
    log,
    cameras: [
      { id: 'loft-cam', url: 'sim:gradient?width=320&height=240&fps=10' },
      { id: 'pi-cam', url: 'sim:gradient?width=640&height=480&fps=10' },
    ],
  });
  await cameras.start();
  const live = new LiveGate({ cameras, clock, log, ffmpegPath: 'ffmpeg', host: '127.0.0.1', udpPort: 0 });
  const access = new Access({ device: 'pi', keyHashes: [hashOfKey(DEVICE_KEY)], clock });
  access.add(LOCAL_KEY);
  const folder = join(await temporaryFolder('kept'), 'captures');
  const liveDoor = new LiveDoor({ gate: live, access, cameras, clock });
  let handler: HttpHandler | undefined;
  const dialects = createDialects({
    device: 'pi',
    // Not the first one: whoever names no camera gets this one all the same.
    dialectCamera: 'pi-cam',
    cameras,
    live,
    liveDoor,
    access,
    // Read at each request, so that one server serves closed and opened.
    open: new Proxy([] as string[], { get: (_none, key) => Reflect.get(open, key) }),
    flows: (req, res, next) => (handler ? handler(req, res, next) : next()),
    methods: (path) => flow.engine.httpMethods(path),
    isRunning: () => handler !== undefined,
    bring(id, picture) {
      door.brought.push({ id, picture });
      return door.delivery();
    },
    folder,
    machine: async () => ({ temperature_c: 76.5, disk_percent: 12.5 }),
    localAccess: () => localAccess(LOCAL_KEY, { host: '127.0.0.1', port: 8018 }),
    clock,
    log,
  });
  await dialects.start();
  const fake = new FakeHost({ side: 'edge', device: 'pi' });
  fake.cameras.ids = ['pi-cam'];
  const host = { ...fake.host, cameras, live: createEdgeLiveHost(live, cameras, log), api: dialects.api };
  const tabs = ['relab-camera', 'compucyto-camera'].flatMap((name) =>
    JSON.parse(readFileSync(new URL(`../../flows/edge/${name}.json`, import.meta.url), 'utf8')),
  );
  const flow = await playFlow(tabs, { host });
  handler = flow.engine.httpNode;
  const server = createServer((req, res) => {
    const where = new URL(req.url ?? '/', 'http://device');
    void dialects.serve(req, res, where).then((served) => {
      if (served) return;
      liveDoor.serve(req, res, where).then(
        (shown) => shown || res.writeHead(404).end(),
        (error) => res.writeHead(error.status).end(),
      );
    });
  });
  dialects.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const door: EdgeDoor = {
    brought: [],
    delivery: async () => ({ status: 'uploaded', image: 1 }),
    url,
    cameras,
    pushes: fake.pushes,
    open(names) {
      open = names;
    },
    flowsRun(isRunning) {
      handler = isRunning ? flow.engine.httpNode : undefined;
    },
    async ask(method, path, { body, key = DEVICE_KEY, headers = {} } = {}) {
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(key !== null && { 'X-API-Key': key }),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      const isJson = response.headers.get('content-type')?.includes('json');
      const json = isJson ? JSON.parse(bytes.toString()) : undefined;
      return { status: response.status, json, bytes, headers: response.headers };
    },
    async stop() {
      await flow.stop();
      await dialects.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await live.stop();
      await cameras.stop();
    },
  };
  return door;
}
