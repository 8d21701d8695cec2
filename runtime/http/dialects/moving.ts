import type { RequestHandler } from 'express';
import { dialectAt, oldestCamera } from '../../contracts/dialects.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { PictureService } from '../../contracts/live-outputs.ts';
import type { FleetService } from '../../contracts/services.ts';
import { serveMjpeg } from '../../lib/live/mjpeg.ts';
import type { Watchers } from '../../lib/live/watchers.ts';
import { refuse } from './door.ts';
import type { InProcess } from './in-process.ts';

/** Where clients of seed 001 look for moving pictures. */
export const MOVING_PATHS = ['/camera/stream.mjpg', '/secure/camera/stream.mjpg'];

/** Moving pictures of the dialects' one camera, behind their door: no flow, since Redeye's own outputs serve what goes on without an end. */
export function movingPictures(parts: {
  pictures: PictureService;
  watchers: Watchers;
  clock: Clock;
  fleet: Pick<FleetService, 'cameras'>;
  caller: InProcess;
}): RequestHandler {
  const { pictures, watchers, clock, fleet, caller } = parts;
  return async (req, res) => {
    try {
      const user = caller.userOf(req);
      if (!user) throw new AppError('auth.missing', 'log in first');
      const query = new URL(req.originalUrl, 'http://here').searchParams;
      const wanted = query.get('camera') ?? caller.dialectCamera;
      const seen = (await fleet.cameras()).filter(({ id }) => user.cameras === null || user.cameras.includes(id));
      const camera = (wanted === undefined ? oldestCamera(seen) : seen.find(({ id }) => id === wanted))?.id;
      // Seed 001 says 503 where there is no camera (S1.10).
      if (camera === undefined) throw new AppError('camera.no_picture', 'there is no camera');
      const viewer = async () => ({ name: user.name });
      const ask = { req, res, camera, query, address: req.ip ?? '', path: req.path, viewer };
      await serveMjpeg(ask, { pictures, watchers, clock });
    } catch (thrown) {
      const found = dialectAt('server', req.path);
      if (res.headersSent || !found) res.destroy();
      else refuse(res, found, toAppError(thrown));
    }
  };
}
