import type { Clock, Log } from '../../runtime/contracts/host.ts';

const EVERY_MS = 60_000;

/** Says in the log which frames were given up for room: the first at once, then one line a minute. */
export class GapReport {
  readonly #clock: Clock;
  readonly #log: Log;
  #count = 0;
  #from: number | undefined;
  #to: number | undefined;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** One frame was dropped; no number when it had none yet. */
  add(seq: number | undefined): void {
    this.#count += 1;
    if (seq !== undefined) {
      this.#from ??= seq;
      this.#to = seq;
    }
    if (this.#clock.monotonicMs() - this.#lastAt >= EVERY_MS) this.flush();
  }

  /** Says what was not said yet. */
  flush(): void {
    if (this.#count === 0) return;
    this.#log.warn('no room: the oldest frames were dropped', { count: this.#count, from: this.#from, to: this.#to });
    this.#count = 0;
    this.#from = undefined;
    this.#to = undefined;
    this.#lastAt = this.#clock.monotonicMs();
  }
}
