import { type Request, type Response, Router } from 'express';
import type { PictureService } from '../../contracts/live-outputs.ts';
import type { ViewerOf } from '../auth/viewers.ts';
import { allowEmbedding, cameraOf, LIVE_HEADERS, readOnly, wholeNumber } from './answer.ts';

const MOST_WIDTH = 8192;

/** `/snapshot.jpg` below a path with `:camera`: the newest picture, by `width` and `quality`, with `fresh=1` one of after now. */
export function snapshotRoutes({ pictures, viewerOf }: { pictures: PictureService; viewerOf: ViewerOf }): Router {
  const router = Router({ mergeParams: true });
  router.all('/snapshot.jpg', readOnly, async (req: Request, res: Response) => {
    const camera = cameraOf(req);
    await viewerOf(req, camera);
    const ask = {
      width: wholeNumber(req, 'width', 16, MOST_WIDTH),
      quality: wholeNumber(req, 'quality', 1, 100),
      fresh: wholeNumber(req, 'fresh', 0, 1) === 1,
    };
    const { jpeg, takenAt } = await pictures.snapshot(camera, ask);
    allowEmbedding(req, res);
    res.set({ ...LIVE_HEADERS, 'Content-Type': 'image/jpeg', 'Content-Length': String(jpeg.length) });
    // RFC 9110 knows seconds only; the other one is for programs.
    res.set({ 'Last-Modified': new Date(takenAt).toUTCString(), 'X-Captured-At': String(Math.round(takenAt)) });
    res.end(req.method === 'HEAD' ? undefined : jpeg);
  });
  return router;
}
