import { AppError, toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock } from '../../runtime/contracts/host.ts';
import { Pace } from './pace.ts';

/** Stands for the one camera of a node that is not for all; which one it is may change, so it is looked up for each picture. */
export const THE_ONE = '';

/** Cameras that a flow brought along are that flow's to sample. */
export function ownCameras(cameras: readonly { id: string; byFlow?: true }[]): string[] {
  return cameras.filter(({ byFlow }) => !byFlow).map(({ id }) => id);
}

/** Does the work for all cameras at once; those that fail are told in one error, after the others are done. */
export async function eachCamera(cameras: readonly string[], work: (camera: string) => Promise<void>): Promise<void> {
  const failures: { camera: string; error: AppError }[] = [];
  const attempt = (camera: string) =>
    work(camera).catch((thrown: unknown) => void failures.push({ camera, error: toAppError(thrown) }));
  await Promise.all(cameras.map(attempt));
  const [first] = failures;
  if (!first) return;
  const words = failures.map(({ camera, error }) => `${camera}: ${error.message}`).join('; ');
  throw new AppError(
    first.error.code,
    words,
    { cameras: failures.map(({ camera }) => camera) },
    { cause: first.error },
  );
}

/** One pace for each camera, so that a slow one delays only itself; all beat at the same interval. */
export class Rounds {
  readonly #clock: Clock;
  readonly #beat: (camera: string) => Promise<void>;
  readonly #paces = new Map<string, Pace>();
  #intervalMs = 0;

  /** `beat` must not throw. */
  constructor(clock: Clock, beat: (camera: string) => Promise<void>) {
    this.#clock = clock;
    this.#beat = beat;
  }

  get cameras(): string[] {
    return [...this.#paces.keys()];
  }

  /** The cameras from now on; those that were there already keep their beat. */
  follow(cameras: readonly string[]): void {
    for (const [camera, pace] of this.#paces) {
      if (cameras.includes(camera)) continue;
      pace.stop();
      this.#paces.delete(camera);
    }
    for (const camera of cameras) {
      if (this.#paces.has(camera)) continue;
      const pace = new Pace(this.#clock, () => this.#beat(camera));
      this.#paces.set(camera, pace);
      pace.set(this.#intervalMs);
    }
  }

  /** Sets the interval of all in ms, 0 to stand still. */
  set(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    for (const pace of this.#paces.values()) pace.set(intervalMs);
  }

  stop(): void {
    for (const pace of this.#paces.values()) pace.stop();
    this.#paces.clear();
  }
}
