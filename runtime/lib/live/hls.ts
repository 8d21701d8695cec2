import { AppError } from '../../contracts/errors.ts';
import type { HlsService, LiveFile } from '../../contracts/live-outputs.ts';
import { allowEmbedding, isRead, LIVE_HEADERS, type LiveAsk, sendText, setHeaders, wholeNumber } from './ask.ts';
import type { Watchers } from './watchers.ts';

const PLAYLIST = 'application/vnd.apple.mpegurl; charset=utf-8';
/** Bytes under a name never change; they are private since a token may be in the address. */
const KEPT = 'private, max-age=60, immutable';
/** A player that takes no byte for so long is cut off. */
const STUCK_MS = 30_000;

/** What HLS is asked for: the two playlists, and what they name. */
export const HLS_NAME = /^(?:index\.m3u8|live\.m3u8|(?:init|seg|part)-[0-9a-f]+-\d+\.mp4)$/;

/** A playlist or piece of HLS by its name (`HLS_NAME`); `ask.path` is that of the folder, by which a viewing is known. */
export async function serveHls(
  ask: LiveAsk,
  name: string,
  parts: { hls: HlsService; watchers: Watchers },
): Promise<void> {
  if (!HLS_NAME.test(name)) throw new AppError('stream.gone', 'there is no such piece of a stream');
  if (!isRead(ask)) return;
  const { hls, watchers } = parts;
  const { camera, address, path, req, res } = ask;
  const user = await ask.viewer();
  const session = watchers.asked(camera, { user: user.name, address, path });
  setHeaders(res, LIVE_HEADERS);
  allowEmbedding(ask);
  const { type, pieces, bytes } = await hlsFile({ ...ask, agent: req.headers['user-agent'] }, name, hls);
  session.bytes += bytes;
  if (type === PLAYLIST) {
    sendText(res, PLAYLIST, Buffer.concat(pieces).toString('utf8'));
    return;
  }
  setHeaders(res, { 'Content-Type': type, 'Content-Length': String(bytes), 'Cache-Control': KEPT });
  res.setTimeout(STUCK_MS, () => res.destroy());
  if (req.method !== 'HEAD') for (const piece of pieces) res.write(piece);
  res.end();
}

/** What a file of HLS is asked for with. */
export interface HlsAsk {
  camera: string;
  query: URLSearchParams;
  /** `User-Agent` of the player */
  agent?: string | undefined;
}

/** A playlist or piece of HLS by its name, for whoever sends it on itself; throws as `HlsService`, and `stream.gone` for another name. */
export async function hlsFile(ask: HlsAsk, name: string, hls: HlsService): Promise<LiveFile & { type: string }> {
  if (!HLS_NAME.test(name)) throw new AppError('stream.gone', 'there is no such piece of a stream');
  if (!name.endsWith('.m3u8')) return { type: 'video/mp4', ...(await hls.file(ask.camera, name)) };
  const text = Buffer.from(await playlistOf(ask, hls, name));
  return { type: PLAYLIST, pieces: [text], bytes: text.length };
}

async function playlistOf(ask: HlsAsk, hls: HlsService, name: string): Promise<string> {
  const { camera, query, agent = '' } = ask;
  const token = query.get('token');
  const suffix = token === null ? '' : `?token=${encodeURIComponent(token)}`;
  if (name === 'index.m3u8') return hls.index(camera, suffix);
  const skip = query.get('_HLS_skip');
  return hls.playlist(camera, {
    msn: wholeNumber(ask, '_HLS_msn', 0, Number.MAX_SAFE_INTEGER),
    part: wholeNumber(ask, '_HLS_part', 0, 100_000),
    skip: skip === 'YES' || skip === 'v2',
    padded: /AppleCoreMedia/.test(agent),
    query: suffix,
  });
}
