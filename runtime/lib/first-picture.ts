import { AppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';

/** A camera that is started for somebody has so long: what MediaMTX gives its own. */
const FIRST_MS = 10_000;
/** After the camera said that it is away, so long is hoped for: it is tried again by itself. */
const HOPE_MS = 3000;

/** `camera.unreachable`, in the words that every output uses. */
export function noPicture(camera: string, reason = 'it has sent nothing so far'): AppError {
  return new AppError('camera.unreachable', `no picture comes from ${camera}: ${reason}`, { retryAfterS: 2 });
}

/** How long somebody who has waited since `sinceMs` waits on for a first picture (monotonic ms), less when the camera is away. */
export function patienceMs(clock: Clock, sinceMs: number, awayMs: number | undefined): number {
  const endMs = Math.min(sinceMs + FIRST_MS, awayMs === undefined ? Number.POSITIVE_INFINITY : awayMs + HOPE_MS);
  return endMs - clock.monotonicMs();
}

/** Waits for a first picture. */
export interface PictureWait {
  /** The camera is away: not much longer is hoped for. Only the first word shortens the wait, the last one is told. */
  away(reason: string): void;
  /** The picture is there, or nobody waits any more; may be called twice. */
  end(): void;
}

/** Calls once with `camera.unreachable` when no first picture comes in time. */
export function waitForPicture(camera: string, clock: Clock, onGiveUp: (error: AppError) => void): PictureWait {
  const sinceMs = clock.monotonicMs();
  let awayMs: number | undefined;
  let reason: string | undefined;
  let isOver = false;
  const giveUp = () => onGiveUp(noPicture(camera, reason));
  let cancel = clock.after(patienceMs(clock, sinceMs, awayMs), giveUp);
  return {
    away(why) {
      reason = why;
      if (isOver || awayMs !== undefined) return;
      awayMs = clock.monotonicMs();
      cancel();
      cancel = clock.after(patienceMs(clock, sinceMs, awayMs), giveUp);
    },
    end() {
      isOver = true;
      cancel();
    },
  };
}
