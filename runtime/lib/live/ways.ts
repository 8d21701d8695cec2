import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { LiveWays, WhepService } from '../../contracts/live.ts';
import type { RoomPlace } from '../../contracts/rooms.ts';
import type { StreamHost, StreamStatus } from '../../contracts/streams.ts';
import { isRead, LIVE_HEADERS, type LiveAsk, sendText, setHeaders } from './ask.ts';

const STILLS_ONLY = 'no stream comes from this camera';
const BY_TOKEN = 'a stream token only reads, and WebRTC wants a login';
const OFF = 'it is off on this server';

export interface WaysParts {
  streams: Pick<StreamHost, 'status'>;
  whep: Pick<WhepService, 'trouble' | 'iceServers'>;
  hasHls: boolean;
  hasPictures: boolean;
  /** throws `camera.not_found` for a camera that nobody registered: one of which only stills come is one all the same */
  registered: (camera: string) => Promise<unknown>;
  /** the room of LiveKit that a camera is live in; undefined: none */
  roomOf?: ((camera: string) => RoomPlace | undefined) | undefined;
  clock: Clock;
}

/** Which ways a player may try, and in words why not the others. It starts no source. */
export async function serveWays(ask: LiveAsk, parts: WaysParts): Promise<void> {
  if (!isRead(ask)) return;
  const { req, res, camera, query } = ask;
  const user = await ask.viewer();
  // One that only a flow declares has a stream, and stands in no register.
  if (!statusOf(parts.streams, camera)) await parts.registered(camera);
  const byToken = req.headers.authorization === undefined && query.has('token');
  setHeaders(res, LIVE_HEADERS);
  sendText(res, 'application/json; charset=utf-8', JSON.stringify(waysOf(parts, camera, { name: user.name, byToken })));
}

function waysOf(parts: WaysParts, camera: string, viewer: { name: string; byToken: boolean }): LiveWays {
  const { streams, whep, hasHls, hasPictures, roomOf, clock } = parts;
  const now = clock.now();
  const status = statusOf(streams, camera);
  if (!status) return { state: 'none', reason: STILLS_ONLY, now, ways: [], iceServers: [] };
  if ('refusal' in status) return byPictures(status.refusal, hasPictures, now);
  const { state, reason, format } = status;
  // Nobody reads it, and it could not be read: there is nothing to try before that changes.
  if (state === 'idle' && reason !== undefined) return { state: 'none', reason, now, ways: [], iceServers: [] };
  const bFrames = format?.hasBFrames ? 'its H.264 has B-frames, which WebRTC cannot carry' : undefined;
  const way = (name: 'whep' | 'hls' | 'mjpeg', why: string | undefined) => ({
    name,
    ...(why && { reason: why }),
  });
  return {
    state,
    ...(reason !== undefined && { reason }),
    now,
    ways: [
      ...livekit(roomOf?.(camera), viewer),
      way('whep', whep.trouble() ?? bFrames ?? (viewer.byToken ? BY_TOKEN : undefined)),
      way('hls', hasHls ? undefined : OFF),
      way('mjpeg', hasPictures ? undefined : OFF),
    ],
    iceServers: whep.iceServers(viewer.name),
  };
}

/** First, where there is one: it costs this server nothing. */
function livekit(place: RoomPlace | undefined, { byToken }: { byToken: boolean }): LiveWays['ways'] {
  if (!place) return [];
  return [{ name: 'livekit', ...place, ...(byToken && { reason: BY_TOKEN }) }];
}

/** A camera without H.264 is watched by its pictures. */
function byPictures(reason: string, hasPictures: boolean, now: number): LiveWays {
  const mjpeg = { name: 'mjpeg', ...(!hasPictures && { reason: OFF }) } as const;
  return { state: 'idle', now, ways: [{ name: 'whep', reason }, { name: 'hls', reason }, mjpeg], iceServers: [] };
}

/** Its stream, or why it has none; undefined for a camera of which nothing live comes here. */
function statusOf(streams: Pick<StreamHost, 'status'>, camera: string): StreamStatus | { refusal: string } | undefined {
  try {
    return streams.status(camera);
  } catch (error) {
    if (error instanceof AppError && error.code === 'camera.not_found') return undefined;
    if (error instanceof AppError && error.code === 'camera.no_stream') return { refusal: error.message };
    throw error;
  }
}
