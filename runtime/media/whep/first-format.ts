import type { Clock } from '../../contracts/host.ts';
import type { StreamFormat, StreamHost, StreamSubscription } from '../../contracts/streams.ts';
import { noPicture, waitForPicture } from '../../lib/first-picture.ts';

/**
 * Waits until the stream says what it is. The answer's `close` lets go of it: until then the source keeps running. Throws what
 * `subscribe` throws, and `camera.unreachable` with the source's own words when nothing came.
 */
export async function firstFormat(
  streams: StreamHost,
  camera: string,
  clock: Clock,
): Promise<{ format: StreamFormat; hold: StreamSubscription }> {
  let hold: StreamSubscription | undefined;
  let end = () => {};
  try {
    const format = await new Promise<StreamFormat>((resolve, reject) => {
      const wait = waitForPicture(camera, clock, reject);
      end = wait.end;
      hold = streams.subscribe(camera, {
        onFormat: resolve,
        onVideo() {},
        onGap: wait.away,
        onEnd: () => reject(noPicture(camera, 'the camera was removed')),
      });
    });
    if (!hold) throw new Error('a format without a subscription');
    return { format, hold };
  } catch (error) {
    hold?.close();
    throw error;
  } finally {
    end();
  }
}
