import type { Clock } from '../../contracts/host.ts';

/** How many bytes may come: so many a second, and so many at once after a pause. */
export interface ByteRate {
  perSecond: number;
  burst: number;
}

/** Counts bytes against a rate. */
export class ByteAllowance {
  readonly #rate: ByteRate;
  readonly #clock: Clock;
  #left: number;
  #atMs: number;

  constructor(rate: ByteRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#left = rate.burst;
    this.#atMs = clock.monotonicMs();
  }

  /** Takes so many bytes; false when that is more than may come by now. */
  take(bytes: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(this.#rate.burst, this.#left + ((nowMs - this.#atMs) * this.#rate.perSecond) / 1000);
    this.#atMs = nowMs;
    this.#left -= bytes;
    return this.#left >= 0;
  }
}
