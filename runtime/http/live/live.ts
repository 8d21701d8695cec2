import { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from 'express';
import type { CameraTest } from '../../contracts/cameras.ts';
import { dialectError } from '../../contracts/dialects.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { SessionSource, WhepService } from '../../contracts/live.ts';
import type { HlsService, PictureService } from '../../contracts/live-outputs.ts';
import type { RoomPlace } from '../../contracts/rooms.ts';
import type { StreamHost } from '../../contracts/streams.ts';
import { cameraIn, type LiveAsk } from '../../lib/live/ask.ts';
import { serveHls } from '../../lib/live/hls.ts';
import { serveMjpeg } from '../../lib/live/mjpeg.ts';
import { serveSnapshot } from '../../lib/live/snapshot.ts';
import type { Watchers } from '../../lib/live/watchers.ts';
import { serveWays } from '../../lib/live/ways.ts';
import { serveWhep, type WhepParts } from '../../lib/live/whep.ts';
import type { ViewerOf } from '../auth/viewers.ts';

const HLS_PATH = /^\/(?:index\.m3u8|live\.m3u8|(?:init|seg|part)-[0-9a-f]+-\d+\.mp4)$/;

/** Every 503 says when another try makes sense (RFC 9110 §15.6.4). */
const RETRY_AFTER_S = 5;

export interface LiveParts {
  streams: Pick<StreamHost, 'status' | 'list'>;
  whep: WhepService;
  hls?: HlsService | undefined;
  /** MJPEG and snapshots */
  pictures?: PictureService | undefined;
  /** every output that has viewers */
  sessions: readonly SessionSource[];
  /** who watches over plain HTTP, when `sessions` has them already */
  watchers?: Watchers;
  /** Tries a camera's address once. */
  test?: (url: string) => Promise<CameraTest>;
}

/** Live pictures: `api` lies below /api/v1/cameras/:camera; `players` has the paths that clients of MediaMTX expect. */
export function liveRoutes(options: {
  live: LiveParts;
  viewerOf: ViewerOf;
  watchers: Watchers;
  /** throws `camera.not_found` for a camera that nobody registered */
  registered: (camera: string) => Promise<unknown>;
  /** the room of LiveKit that a camera is live in */
  roomOf?: (camera: string) => RoomPlace | undefined;
  clock: Clock;
  basePath: string;
}): { api: Router; players: Router } {
  const { live, viewerOf, watchers, registered, roomOf, clock, basePath } = options;
  const { streams, whep, hls, pictures } = live;
  const routesOf = (paths: (string | RegExp)[], serve: (ask: LiveAsk, req: Request) => Promise<void>) => {
    const router = Router({ mergeParams: true });
    router.all(paths, (req: Request, res: Response) => serve(askOf(req, res, viewerOf), req));
    return router;
  };
  const whepRoutes = (parts: Omit<WhepParts, 'whep' | 'basePath'>) =>
    routesOf(['/', '/:secret'], (ask, req) => {
      const { secret } = req.params as Record<string, string | undefined>;
      return serveWhep(secret === undefined ? { ...ask, path: req.baseUrl } : ask, secret, {
        ...parts,
        whep,
        basePath,
      });
    });
  const hlsRoutes =
    hls &&
    routesOf([HLS_PATH], (ask, req) => serveHls({ ...ask, path: req.baseUrl }, req.path.slice(1), { hls, watchers }));

  const api = Router({ mergeParams: true });
  const ofApi = (camera: string) => `/api/v1/cameras/${camera}`;
  const playlist = { rootOf: ofApi, playlistOf: (camera: string) => `${ofApi(camera)}/hls/index.m3u8` };
  api.use('/whep', whepRoutes({ ...playlist, wrongType: 415 }));
  if (hlsRoutes) api.use('/hls', hlsRoutes);
  if (pictures) {
    api.use(routesOf(['/mjpeg'], (ask) => serveMjpeg(ask, { pictures, watchers, clock })));
    api.use(routesOf(['/snapshot.jpg'], (ask) => serveSnapshot(ask, { pictures })));
  }
  const has = { hasHls: hls !== undefined, hasPictures: pictures !== undefined };
  api.use(routesOf(['/live'], (ask) => serveWays(ask, { streams, whep, ...has, registered, roomOf, clock })));

  const players = Router();
  const ours: RequestHandler = (req, _res, next) => {
    // What is no camera of ours may be a page or a flow's path.
    next(isCamera(live.streams, String(req.params.camera)) ? undefined : 'router');
  };
  if (hlsRoutes) players.use('/hls/:camera', ours, hlsRoutes);
  players.use('/:camera', ours);
  if (hlsRoutes) players.use('/:camera', hlsRoutes);
  const ofPlayers = (camera: string) => `/${camera}`;
  const plain = { rootOf: ofPlayers, playlistOf: (camera: string) => `/${camera}/index.m3u8` };
  players.use('/:camera/whep', whepRoutes({ ...plain, wrongType: 400 }));
  players.use(asMediamtx);
  return { api, players };
}

function askOf(req: Request, res: Response, viewerOf: ViewerOf): LiveAsk {
  const camera = cameraIn((req.params as Record<string, string | undefined>).camera);
  return {
    req,
    res,
    camera,
    query: new URL(req.originalUrl, 'http://here').searchParams,
    address: req.ip ?? '',
    path: req.baseUrl + req.path,
    viewer: () => viewerOf(req, camera),
  };
}

/**
 * Errors as clients of MediaMTX know them, with our code beside. Players ask for a name and a password only when they are told to; the
 * API says Bearer, else a browser would open its own dialogue. What is our fault goes to who logs it.
 */
const asMediamtx: ErrorRequestHandler = (thrown, _req, res, next) => {
  const error = toAppError(thrown);
  if (res.headersSent || error.code === 'internal.error') return next(thrown);
  const { retryAfterS = error.status === 503 ? RETRY_AFTER_S : undefined } = error.details;
  if (retryAfterS !== undefined) res.set('Retry-After', String(Math.ceil(retryAfterS)));
  if (error.status === 401) res.set('WWW-Authenticate', 'Basic realm="mediamtx", charset="UTF-8"');
  const { status, code, message } = error;
  res.status(status).json(dialectError('mediamtx', { status, code, message }));
};

function isCamera(streams: LiveParts['streams'], id: string): boolean {
  try {
    streams.status(id);
    return true;
  } catch (error) {
    if (error instanceof AppError) return error.code !== 'camera.not_found';
    throw error;
  }
}
