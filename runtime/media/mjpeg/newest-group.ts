import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { AccessUnit, StreamFormat, StreamHost, StreamSubscription } from '../../contracts/streams.ts';

const FIRST_MS = 10_000;
/** After the camera said that it is away, so long is hoped for. */
const HOPE_MS = 3000;

/** A group of pictures from its key frame to the newest. */
export interface Group {
  format: StreamFormat;
  units: readonly AccessUnit[];
}

/**
 * The pictures since the last key frame up to one that arrived after `sinceMs()` (monotonic), which may rise meanwhile. What the hub
 * has cached comes at once, all in one go. Throws what `subscribe` throws, `camera.not_found`, and `camera.unreachable` with the reason.
 */
export function newestGroup(options: {
  streams: Pick<StreamHost, 'subscribe'>;
  camera: string;
  clock: Clock;
  sinceMs(): number;
}): Promise<Group> {
  const { streams, camera, clock, sinceMs } = options;
  return new Promise((resolve, reject) => {
    let format: StreamFormat | undefined;
    let units: AccessUnit[] = [];
    let reason = 'it has sent nothing so far';
    let looks = false;
    let hopes = false;
    let stopWaiting = () => {};
    let subscription: StreamSubscription | undefined;
    const finish = (settle: () => void) => {
      stopWaiting();
      subscription?.close();
      settle();
    };
    const giveUp = () =>
      finish(() =>
        reject(new AppError('camera.unreachable', `no picture comes from ${camera}: ${reason}`, { retryAfterS: 2 })),
      );
    const look = () => {
      looks = false;
      const last = units.at(-1);
      const found = format;
      if (last && found && last.arrivedMs > sinceMs()) finish(() => resolve({ format: found, units }));
    };
    subscription = streams.subscribe(camera, {
      onFormat: (next) => {
        format = next;
        units = [];
      },
      onVideo: (unit) => {
        if (unit.isKey) units = [];
        units.push(unit);
        if (looks) return;
        looks = true;
        setImmediate(look);
      },
      onGap: (why) => {
        reason = why;
        units = [];
        if (hopes) return;
        hopes = true;
        stopWaiting();
        stopWaiting = clock.after(HOPE_MS, giveUp);
      },
      onEnd: () => finish(() => reject(new AppError('camera.not_found', `the camera ${camera} is not here any more`))),
    });
    if (!hopes) stopWaiting = clock.after(FIRST_MS, giveUp);
  });
}
