import { type Ask, Refusal, type Reply, type Tools } from './operation.ts';

/** Playlists are asked for again and again; pieces never change under a name (S0.28). */
const PLAYLIST_CACHE = 'no-cache';
const PIECE_CACHE = 'private, max-age=7200';
/** How long a file of a preview may be kept, by its name. */
export const cacheOf = (file: string) => (file.endsWith('.m3u8') ? PLAYLIST_CACHE : PIECE_CACHE);
/** Names without a way out of the folder; `master.m3u8` is A's first playlist, `index.m3u8` B's. */
const SAFE = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;

/**
 * One file of the camera's HLS, fetched from Redeye's own in the asker's name, so that all of it lies below the address that the client
 * knows. Its pieces are fragmented MP4 instead of MPEG-TS, which players take alike.
 */
export async function hlsFile(
  { path, query }: Pick<Ask, 'path' | 'query'>,
  camera: string,
  tools: Tools,
  options: { missing: number; cache?: string },
): Promise<Reply> {
  const asked = path.split('/').at(-1) ?? '';
  const file = asked === 'master.m3u8' ? 'index.m3u8' : asked;
  const gone = () => new Refusal(options.missing, 'stream.gone', 'No such file');
  if (!SAFE.test(file)) throw gone();
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (name.startsWith('_HLS_') && value) search.set(name, value);
  const { status, headers, body } = await tools.raw({
    method: 'GET',
    path: `/cameras/${encodeURIComponent(camera)}/hls/${file}${search.size > 0 ? `?${search}` : ''}`,
  });
  if (status === 404) throw gone();
  if (status >= 400) {
    const { code = 'internal.error', message = 'there is no live picture' } = (body ?? {}) as Record<string, string>;
    throw new Refusal(status, code, message);
  }
  const isPlaylist = file.endsWith('.m3u8');
  return {
    status: 200,
    body,
    headers: {
      'Content-Type': String(headers['content-type'] ?? (isPlaylist ? 'application/vnd.apple.mpegurl' : 'video/mp4')),
      'Cache-Control': options.cache ?? cacheOf(file),
    },
  };
}
