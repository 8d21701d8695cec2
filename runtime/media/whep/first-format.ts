import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { StreamFormat, StreamHost, StreamSubscription } from '../../contracts/streams.ts';

/** A source that is started for this viewer has so long: what MediaMTX gives its own. */
const LIMIT_MS = 10_000;

/**
 * Waits until the stream says what it is. The answer's `close` lets go of it: until then the source keeps running. Throws what
 * `subscribe` throws, and `camera.unreachable` with the source's own words when nothing came.
 */
export async function firstFormat(
  streams: StreamHost,
  camera: string,
  clock: Clock,
): Promise<{ format: StreamFormat; hold: StreamSubscription }> {
  let reason = 'no picture came';
  let hold: StreamSubscription | undefined;
  let stop = () => {};
  try {
    const format = await new Promise<StreamFormat>((resolve, reject) => {
      const fail = () => reject(new AppError('camera.unreachable', `${camera}: ${reason}`, { retryAfterS: 5 }));
      stop = clock.after(LIMIT_MS, fail);
      hold = streams.subscribe(camera, {
        onFormat: resolve,
        onVideo() {},
        onGap(why) {
          reason = why;
        },
        onEnd() {
          reason = 'the camera was removed';
          fail();
        },
      });
    });
    if (!hold) throw new Error('a format without a subscription');
    return { format, hold };
  } catch (error) {
    hold?.close();
    throw error;
  } finally {
    stop();
  }
}
