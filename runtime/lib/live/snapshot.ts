import type { PictureService } from '../../contracts/live-outputs.ts';
import { allowEmbedding, isRead, LIVE_HEADERS, type LiveAsk, setHeaders, wholeNumber } from './ask.ts';

const MOST_WIDTH = 8192;

/** The newest picture, by `width` and `quality`, with `fresh=1` one of after now. */
export async function serveSnapshot(ask: LiveAsk, { pictures }: { pictures: PictureService }): Promise<void> {
  if (!isRead(ask)) return;
  const { req, res, camera } = ask;
  await ask.viewer();
  const wanted = {
    width: wholeNumber(ask, 'width', 16, MOST_WIDTH),
    quality: wholeNumber(ask, 'quality', 1, 100),
    fresh: wholeNumber(ask, 'fresh', 0, 1) === 1,
  };
  const { jpeg, takenAt } = await pictures.snapshot(camera, wanted);
  allowEmbedding(ask);
  setHeaders(res, { ...LIVE_HEADERS, 'Content-Type': 'image/jpeg', 'Content-Length': String(jpeg.length) });
  // RFC 9110 knows seconds only; the other one is for programs.
  setHeaders(res, { 'Last-Modified': new Date(takenAt).toUTCString(), 'X-Captured-At': String(Math.round(takenAt)) });
  res.end(req.method === 'HEAD' ? undefined : jpeg);
}
