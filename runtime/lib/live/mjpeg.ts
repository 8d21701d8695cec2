import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { Viewer } from '../../contracts/live.ts';
import type { LivePicture, PictureService } from '../../contracts/live-outputs.ts';
import { waitForPicture } from '../first-picture.ts';
import { allowEmbedding, isRead, LIVE_HEADERS, type LiveAsk, setHeaders, wholeNumber } from './ask.ts';
import type { Watchers } from './watchers.ts';

const FPS = 15;
const MOST_FPS = 30;
const BOUNDARY = 'FRAME';
const TYPE = `multipart/x-mixed-replace; boundary=${BOUNDARY}`;
/** A viewer who has not taken the last picture for so long is cut off. */
const STUCK_MS = 30_000;

export interface MjpegParts {
  pictures: PictureService;
  watchers: Watchers;
  clock: Clock;
}

/** One picture after the other until the viewer leaves. */
export async function serveMjpeg(ask: LiveAsk, parts: MjpegParts): Promise<void> {
  if (!isRead(ask)) return;
  const { req, res, address, path } = ask;
  const user = await ask.viewer();
  const fps = wholeNumber(ask, 'fps', 1, MOST_FPS) ?? FPS;
  setHeaders(res, { ...LIVE_HEADERS, 'Content-Type': TYPE });
  allowEmbedding(ask);
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  try {
    await show(parts, ask, fps, { user: user.name, address, path });
  } catch (error) {
    res.removeHeader('Content-Type');
    throw error;
  }
}

/** Resolves when it is over; rejects while nothing was sent yet. */
async function show(
  { pictures, watchers, clock }: MjpegParts,
  { camera, res }: LiveAsk,
  fps: number,
  viewer: Viewer,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // First: it may refuse, and nothing has been begun then.
    const watching = watchers.connected(camera, viewer, () => over());
    let takenMs = clock.monotonicMs();
    const wait = waitForPicture(camera, clock, (error) => over(error));
    let leave = () => {};
    let isOver = false;
    const over = (error?: AppError) => {
      if (isOver) return;
      isOver = true;
      wait.end();
      leave();
      watching.close();
      if (error && !res.headersSent) reject(error);
      else {
        // What was begun cannot become an error: its end is.
        res.destroy();
        resolve();
      }
    };
    const { session } = watching;
    session.state = 'connecting';
    const onPicture = ({ jpeg, takenAt }: LivePicture) => {
      if (!res.headersSent) {
        wait.end();
        session.state = 'playing';
        res.write(`--${BOUNDARY}\r\n`);
      } else if (res.writableLength > 0) {
        // A picture that comes late is worth less than the next one.
        session.discarded += 1;
        if (clock.monotonicMs() - takenMs > STUCK_MS) over();
        return;
      }
      takenMs = clock.monotonicMs();
      session.bytes += jpeg.length;
      res.write(
        `Content-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\nX-Captured-At: ${Math.round(takenAt)}\r\n\r\n`,
      );
      res.write(jpeg);
      // The boundary goes with the picture: browsers show it only when they see its end.
      res.write(`\r\n--${BOUNDARY}\r\n`);
    };
    res.once('close', () => over());
    try {
      leave = pictures.watch(camera, {
        fps,
        onPicture,
        onGap: wait.away,
        onEnd: () => over(new AppError('camera.not_found', `the camera ${camera} is not here any more`)),
      });
      if (isOver) leave();
    } catch (error) {
      over(toAppError(error));
    }
  });
}
