import { AppError } from '../contracts/errors.ts';

const MAX_WAITING = 8;

/** One after the other for each camera, several cameras side by side. */
export class Turns {
  readonly #lanes = new Map<string, { tail: Promise<unknown>; waiting: number }>();

  /** Runs when those before it are over; throws `capture.busy` when too many wait already, or the signal's reason as soon as it ends. */
  take<T>(camera: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(camera) ?? { tail: Promise.resolve(), waiting: 0 };
    if (lane.waiting > MAX_WAITING)
      throw new AppError('capture.busy', `${MAX_WAITING} captures wait for ${camera} already`, { retryAfterS: 1 });
    this.#lanes.set(camera, lane);
    lane.waiting += 1;
    const turn = lane.tail.then(() => {
      signal.throwIfAborted();
      return orAborted(work(), signal);
    });
    lane.tail = turn
      .catch(() => undefined)
      .then(() => {
        lane.waiting -= 1;
        if (lane.waiting === 0) this.#lanes.delete(camera);
      });
    return orAborted(turn, signal);
  }
}

/** What the promise brings, or the signal's reason when that comes first. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
