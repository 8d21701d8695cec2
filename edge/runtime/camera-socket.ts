import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { PictureService } from '../../runtime/contracts/live-outputs.ts';

const PATH = '/ws/camera/stream';
const FPS = 30;
const MOST_VIEWERS = 8;

export interface CameraSocketOptions {
  /** Throws `auth.*` for whoever may not look. */
  check: (req: IncomingMessage) => void;
  /** id of the device's first camera; throws `camera.not_found` */
  camera: () => string;
  pictures: () => Promise<Pick<PictureService, 'watch'>>;
  /** how large its pictures are, as far as is known */
  resolution: (camera: string) => Promise<{ width: number; height: number }>;
  clock: Clock;
  log: Log;
}

/**
 * The WebSocket stream of seed 002 (`/ws/camera/stream`): `{type:"connected", resolution}` first, then `{type:"frame", data, timestamp}`
 * with a base64 JPEG and the monotonic clock in seconds, for as long as somebody looks. Who is slow gets fewer frames, not later ones.
 */
export class CameraSocket {
  readonly #options: CameraSocketOptions;
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: 1024, perMessageDeflate: false });

  constructor(options: CameraSocketOptions) {
    this.#options = options;
  }

  /** Takes what is for it of the upgrades of the device's port. */
  attach(server: Server): void {
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      const { pathname } = URL.parse(`http://device${req.url ?? '/'}`) ?? {};
      if (pathname !== PATH) return;
      socket.on('error', () => socket.destroy());
      try {
        this.#options.check(req);
        if (this.#sockets.clients.size >= MOST_VIEWERS) return refuse(socket, 503);
        this.#sockets.handleUpgrade(req, socket, head, (viewer) => void this.#show(viewer));
      } catch (error) {
        refuse(socket, toAppError(error).status);
      }
    });
  }

  close(): void {
    for (const viewer of this.#sockets.clients) viewer.terminate();
  }

  async #show(viewer: WebSocket): Promise<void> {
    const { camera: cameraOf, pictures, resolution, clock, log } = this.#options;
    let leave = () => {};
    viewer.on('error', () => viewer.terminate());
    viewer.on('close', () => leave());
    try {
      const camera = cameraOf();
      const size = await resolution(camera);
      say(viewer, { type: 'connected', message: 'Connected to camera stream', resolution: size });
      const stop = (await pictures()).watch(camera, {
        fps: FPS,
        onPicture({ jpeg }) {
          if (viewer.bufferedAmount > 0) return;
          say(viewer, { type: 'frame', data: jpeg.toString('base64'), timestamp: clock.monotonicMs() / 1000 });
        },
        onEnd: () => viewer.close(),
      });
      leave = stop;
      if (viewer.readyState !== viewer.OPEN) stop();
    } catch (thrown) {
      log.debug('a camera stream was not begun', { reason: toAppError(thrown).message });
      viewer.close(1011, toAppError(thrown).message.slice(0, 100));
    }
  }
}

function say(viewer: WebSocket, message: object): void {
  if (viewer.readyState === viewer.OPEN) viewer.send(JSON.stringify(message));
}

function refuse(socket: Duplex, status: number): void {
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
