import { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import type { CameraTest } from '../../contracts/cameras.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { SessionSource, WhepService } from '../../contracts/live.ts';
import type { HlsService, PictureService } from '../../contracts/live-outputs.ts';
import type { StreamHost } from '../../contracts/streams.ts';
import type { ViewerOf } from '../auth/viewers.ts';
import { hlsRoutes } from './hls.ts';
import { mjpegRoutes } from './mjpeg.ts';
import { snapshotRoutes } from './snapshot.ts';
import type { Watchers } from './watchers.ts';
import { waysRoutes } from './ways.ts';
import { whepRoutes } from './whep.ts';

export interface LiveParts {
  streams: Pick<StreamHost, 'status'>;
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
  clock: Clock;
  basePath: string;
}): { api: Router; players: Router } {
  const { live, viewerOf, watchers, registered, clock, basePath } = options;
  const common = { whep: live.whep, viewerOf, basePath };
  const api = Router({ mergeParams: true });
  const ofApi = (camera: string) => `/api/v1/cameras/${camera}`;
  const playlist = { rootOf: ofApi, playlistOf: (camera: string) => `${ofApi(camera)}/hls/index.m3u8` };
  api.use('/whep', whepRoutes({ ...common, ...playlist, wrongType: 415 }));
  const hls = live.hls && hlsRoutes({ hls: live.hls, viewerOf, watchers });
  if (hls) api.use('/hls', hls);
  if (live.pictures) {
    api.use(mjpegRoutes({ pictures: live.pictures, viewerOf, watchers, clock }));
    api.use(snapshotRoutes({ pictures: live.pictures, viewerOf }));
  }

  const { streams } = live;
  const has = { hasHls: hls !== undefined, hasPictures: live.pictures !== undefined };
  api.use(waysRoutes({ ...common, streams, ...has, registered, clock }));

  const players = Router();
  const ours: RequestHandler = (req, _res, next) => {
    // What is no camera of ours may be a page or a flow's path.
    next(isCamera(live.streams, String(req.params.camera)) ? undefined : 'router');
  };
  if (hls) players.use('/hls/:camera', ours, hls);
  players.use('/:camera', ours);
  if (hls) players.use('/:camera', hls);
  const ofPlayers = (camera: string) => `/${camera}`;
  const plain = { rootOf: ofPlayers, playlistOf: (camera: string) => `/${camera}/index.m3u8` };
  players.use('/:camera/whep', whepRoutes({ ...common, ...plain, wrongType: 400 }));
  players.use(askForBasic);
  return { api, players };
}

/** Players ask for a name and a password only when they are told to. The API says Bearer, else a browser would open its own dialogue. */
const askForBasic: ErrorRequestHandler = (error, _req, res, next) => {
  if (toAppError(error).status === 401) res.set('WWW-Authenticate', 'Basic realm="redeye", charset="UTF-8"');
  next(error);
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
