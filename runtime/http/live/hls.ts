import { type Request, type Response, Router } from 'express';
import type { HlsService, LiveFile } from '../../contracts/live-outputs.ts';
import type { ViewerOf } from '../auth/viewers.ts';
import { allowEmbedding, cameraOf, LIVE_HEADERS, readOnly, wholeNumber } from './answer.ts';
import type { Watchers } from './watchers.ts';

const PLAYLIST = 'application/vnd.apple.mpegurl';
/** Bytes under a name never change; they are private since a token may be in the address. */
const KEPT = 'private, max-age=60, immutable';
/** A player that takes no byte for so long is cut off. */
const STUCK_MS = 30_000;

export interface HlsRouteParts {
  hls: HlsService;
  viewerOf: ViewerOf;
  watchers: Watchers;
}

/** Playlists and pieces of HLS below a path with `:camera`: `index.m3u8`, `live.m3u8` and what they name. */
export function hlsRoutes({ hls, viewerOf, watchers }: HlsRouteParts): Router {
  const router = Router({ mergeParams: true });
  router.all(
    ['/index.m3u8', '/live.m3u8', /^\/(?:init|seg|part)-[0-9a-f]+-\d+\.mp4$/],
    readOnly,
    async (req: Request, res: Response) => {
      const camera = cameraOf(req);
      const user = await viewerOf(req, camera);
      const session = watchers.asked(camera, { user: user.name, address: req.ip ?? '', path: req.baseUrl });
      res.set(LIVE_HEADERS);
      allowEmbedding(req, res);
      const name = req.path.slice(1);
      if (name.endsWith('.m3u8')) {
        const text = await playlistOf(req, hls, camera, name);
        session.bytes += text.length;
        res.type(PLAYLIST).send(text);
      } else {
        const file = await hls.file(camera, name);
        session.bytes += file.bytes;
        sendFile(req, res, file);
      }
    },
  );
  return router;
}

async function playlistOf(req: Request, hls: HlsService, camera: string, name: string): Promise<string> {
  const { token, _HLS_skip } = req.query;
  const query = typeof token === 'string' ? `?token=${encodeURIComponent(token)}` : '';
  if (name === 'index.m3u8') return hls.index(camera, query);
  return hls.playlist(camera, {
    msn: wholeNumber(req, '_HLS_msn', 0, Number.MAX_SAFE_INTEGER),
    part: wholeNumber(req, '_HLS_part', 0, 100_000),
    skip: _HLS_skip === 'YES' || _HLS_skip === 'v2',
    padded: /AppleCoreMedia/.test(req.get('User-Agent') ?? ''),
    query,
  });
}

function sendFile(req: Request, res: Response, { pieces, bytes }: LiveFile): void {
  res.set({ 'Content-Type': 'video/mp4', 'Content-Length': String(bytes), 'Cache-Control': KEPT });
  res.setTimeout(STUCK_MS, () => res.destroy());
  if (req.method !== 'HEAD') for (const piece of pieces) res.write(piece);
  res.end();
}
