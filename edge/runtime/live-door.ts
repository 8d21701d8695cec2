import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock } from '../../runtime/contracts/host.ts';
import { allowOf, notAllowed } from '../../runtime/lib/methods.ts';
import type { CameraSet } from '../../runtime/media/camera-set.ts';
import type { Access } from './access.ts';
import type { LiveGate } from './live-gate.ts';

export interface LiveDoorOptions {
  gate: LiveGate;
  access: Access;
  cameras: Pick<CameraSet, 'ids' | 'resolve'>;
  clock: Clock;
}

/** Where a request for live pictures leads. */
interface Target {
  camera: string;
  /** below the camera, as `hls/index.m3u8` or `whep/SECRET` */
  rest: string;
  /** the paths of the API, or those that players of MediaMTX know */
  style: 'api' | 'player';
}

/**
 * The live paths of a device, as on the server: below `/api/v1/cameras/{id}/`, and `/{camera}/whep`, `/{camera}/index.m3u8`,
 * `/hls/{camera}/index.m3u8`. Nothing of streams is loaded before somebody with a credential asks.
 */
export class LiveDoor {
  readonly #options: LiveDoorOptions;

  constructor(options: LiveDoorOptions) {
    this.#options = options;
  }

  /** Serves the request if it is for live pictures of a camera here; false when it is for something else. Throws AppErrors. */
  async serve(req: IncomingMessage, res: ServerResponse, url: URL): Promise<boolean> {
    const target = this.#targetOf(url.pathname);
    if (!target) return false;
    const { camera, rest } = target;
    const { access } = this.#options;
    const caller = () => access.caller(req, url.searchParams.get('token'), camera);
    if (rest === 'stream-token') {
      if (caller().by === 'token') throw new AppError('auth.missing', 'a token makes no tokens');
      if (req.method !== 'POST') {
        res.setHeader('Allow', allowOf(['POST']));
        throw notAllowed(req.method, allowOf(['POST']));
      }
      this.#options.cameras.resolve(camera);
      const { token, expiresAt } = access.issue(camera);
      const body = JSON.stringify({ token, expires_at: new Date(expiresAt).toISOString() });
      res.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' }).end(body);
      return true;
    }
    // A session's own address is its credential; everybody else shows one before anything is loaded.
    const isBySecret = /^whep\/./.test(rest);
    if (!isBySecret && req.method !== 'OPTIONS') caller();
    await this.#show(req, res, url, target, caller);
    return true;
  }

  #targetOf(path: string): Target | undefined {
    const api = /^\/api\/v1\/cameras\/([^/]+)\/(.+)$/.exec(path);
    if (api) return { camera: api[1] ?? '', rest: api[2] ?? '', style: 'api' };
    const own = /^\/(?:hls\/)?([^/]+)\/(.+)$/.exec(path);
    const [, camera = '', rest = ''] = own ?? [];
    if (!this.#options.cameras.ids().includes(camera)) return undefined;
    const isWhep = /^whep(?:\/|$)/.test(rest);
    if (isWhep && path.startsWith('/hls/')) return undefined;
    return { camera, rest: isWhep ? rest : `hls/${rest}`, style: 'player' };
  }

  async #show(
    req: IncomingMessage,
    res: ServerResponse,
    url: URL,
    { camera, rest, style }: Target,
    caller: () => { name: string },
  ): Promise<void> {
    const { gate, cameras, clock } = this.#options;
    const [live, serve] = await Promise.all([gate.open(), import('./live-serve.ts')]);
    const path = url.pathname;
    const address = req.socket.remoteAddress ?? '';
    const ask = { req, res, camera, query: url.searchParams, address, path, viewer: async () => caller() };
    const [kind = '', name = ''] = rest.split('/');
    const depth = rest.split('/').length;
    const { hls, pictures, watchers, streams } = live;
    if (kind === 'whep' && depth <= 2) {
      const root = style === 'api' ? `/api/v1/cameras/${camera}` : `/${camera}`;
      const parts = {
        whep: await live.whep(),
        basePath: '',
        rootOf: () => root,
        playlistOf: () => (style === 'api' ? `${root}/hls/index.m3u8` : `${root}/index.m3u8`),
        wrongType: style === 'api' ? (415 as const) : (400 as const),
      };
      await serve.serveWhep(ask, depth === 2 ? name : undefined, parts);
    } else if (kind === 'hls' && depth === 2 && serve.HLS_NAME.test(name)) {
      await serve.serveHls({ ...ask, path: path.slice(0, -name.length - 1) }, name, { hls, watchers });
    } else if (rest === 'mjpeg') await serve.serveMjpeg(ask, { pictures, watchers, clock });
    else if (rest === 'snapshot.jpg') await serve.serveSnapshot(ask, { pictures });
    else if (rest === 'live') {
      const registered = async (id: string) => cameras.resolve(id);
      const whep = await live.whep();
      await serve.serveWays(ask, { streams, whep, hasHls: true, hasPictures: true, registered, clock });
    } else throw new AppError('route.not_found', 'there is nothing here');
  }
}
