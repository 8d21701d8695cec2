import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { ApiHost } from '../../runtime/contracts/api-host.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import { opennessOf } from '../../runtime/lib/openness.ts';
import type { Part } from '../../runtime/lib/part.ts';
import type { CameraSet } from '../../runtime/media/camera-set.ts';
import { productVersion } from '../version.ts';
import type { Access } from './access.ts';
import type { AgentPort } from './agent-port.ts';
import { createCameraApi } from './camera-api.ts';
import { CameraSocket } from './camera-socket.ts';
import { deviceApi, deviceRoutes } from './device-api.ts';
import { DialectDoor, type DialectDoorOptions } from './dialect-door.ts';
import { KeptImages } from './kept-images.ts';
import type { LiveDoor } from './live-door.ts';
import type { LiveGate } from './live-gate.ts';
import { docsPage } from './page-html.ts';

export interface DialectsOptions {
  device: string;
  cameras: CameraSet;
  live: LiveGate;
  liveDoor: Pick<LiveDoor, 'serve'>;
  access: Access;
  /** DIALECT_CAMERA */
  dialectCamera?: string | undefined;
  /** OPEN_DIALECTS */
  open: readonly string[];
  /** what flows answer, once they run */
  flows: DialectDoorOptions['flows'];
  methods: DialectDoorOptions['methods'];
  isRunning: DialectDoorOptions['isRunning'];
  /** what the server is to have of pictures that somebody asked for */
  bring: AgentPort['bring'];
  /** where pictures are kept that somebody asked for */
  folder: string;
  clock: Clock;
  /** how hot and how full this machine is */
  machine: Parameters<typeof createCameraApi>[0]['machine'];
  /** how the device is reached in its own network */
  localAccess: Parameters<typeof createCameraApi>[0]['localAccess'];
  log: Log;
}

/** The APIs of other systems on a device: what their flows ask, and the door in front of them. */
export interface Dialects extends Part {
  api: ApiHost;
  serve(req: IncomingMessage, res: ServerResponse, url: URL): Promise<boolean>;
  /** Takes WebSockets of the device's port. */
  attach(server: Server): void;
}

/** Puts them together. */
export function createDialects(options: DialectsOptions): Dialects {
  const {
    device,
    cameras,
    live,
    liveDoor,
    access,
    open,
    flows,
    methods,
    isRunning,
    folder,
    machine,
    localAccess,
    clock,
    log,
  } = options;
  const { dialectCamera = '' } = options;
  const images = new KeptImages({ folder, clock, log });
  const isStreaming = async (camera: string) => (await live.opened())?.streams.isRunning(camera) ?? false;
  const isOpen = opennessOf(open);
  const check = (req: IncomingMessage) => void access.caller(req);
  const door = new DialectDoor({
    check,
    isOpen,
    flows,
    methods,
    isRunning,
    docs(path) {
      if (path === '/docs') return { type: 'text/html; charset=utf-8', text: docsPage(device, deviceRoutes()) };
      if (path !== '/openapi.json') return undefined;
      return { type: 'application/json; charset=utf-8', text: JSON.stringify(deviceApi(productVersion())) };
    },
    async showMoving(req, res, wanted) {
      const camera = cameras.resolve(wanted || dialectCamera);
      // Who was let in here is let in there, also where no credential was needed.
      const { token } = access.issue(camera);
      await liveDoor.serve(req, res, new URL(`http://device/api/v1/cameras/${camera}/mjpeg?token=${token}`));
    },
  });
  const socket = new CameraSocket({
    check(req) {
      if (isOpen('compucyto', req.socket.remoteAddress ?? '') && req.headers['x-api-key'] === undefined) return;
      const { searchParams } = new URL(`http://device${req.url ?? '/'}`);
      access.caller(req, searchParams.get('token'), cameras.resolve(dialectCamera));
    },
    camera: () => cameras.resolve(dialectCamera),
    pictures: async () => (await live.open()).pictures,
    resolution: async (camera) => (await cameras.settings(camera)).resolution ?? { width: 0, height: 0 },
    clock,
    log,
  });
  return {
    api: createCameraApi({
      device,
      dialectCamera: options.dialectCamera,
      cameras,
      isStreaming,
      images,
      bring: options.bring,
      machine,
      async hls(camera, name, query) {
        const [{ hls }, { hlsFile }] = await Promise.all([live.open(), import('./live-serve.ts')]);
        const { type, pieces } = await hlsFile({ camera, query }, name, hls);
        return { type, bytes: Buffer.concat(pieces) };
      },
      localAccess,
      log,
    }),
    serve: (req, res, url) => door.serve(req, res, url),
    attach: (server) => socket.attach(server),
    start: () => images.start(),
    async stop() {
      socket.close();
      await images.stop();
    },
  };
}
