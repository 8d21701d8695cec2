import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type {
  AccessUnit,
  StreamFormat,
  StreamHost,
  StreamReader,
  StreamSubscription,
} from '../../contracts/streams.ts';
import { waitForPicture } from '../../lib/first-picture.ts';

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
    let looks = false;
    let subscription: StreamSubscription | undefined;
    const finish = (settle: () => void) => {
      wait.end();
      subscription?.close();
      settle();
    };
    const wait = waitForPicture(camera, clock, (error) => finish(() => reject(error)));
    const look = () => {
      looks = false;
      const last = units.at(-1);
      const found = format;
      if (last && found && last.arrivedMs > sinceMs()) finish(() => resolve({ format: found, units }));
    };
    const reader: StreamReader = {
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
        units = [];
        wait.away(why);
      },
      onEnd: () => finish(() => reject(new AppError('camera.not_found', `the camera ${camera} is not here any more`))),
    };
    try {
      subscription = streams.subscribe(camera, reader);
    } catch (error) {
      finish(() => reject(error));
    }
  });
}
