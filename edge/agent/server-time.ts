import type { Clock } from '../../runtime/contracts/host.ts';

/** A device clock further off than this is called wrong. */
const CLOCK_TOLERANCE_MS = 120_000;

/**
 * The time at the server, from the `Date` of its answers (whole seconds) and the monotonic clock: neither a wrong device clock nor
 * its correction moves it. Before the first answer it is the device's own time.
 */
export class ServerTime {
  readonly #clock: Clock;
  #anchor: { server: number; monotonic: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes the `Date` header of an answer that came just now. */
  hear(date: string | undefined): void {
    const at = Date.parse(date ?? '');
    if (Number.isNaN(at)) return;
    // The header tells the second that runs; its middle is the best guess.
    this.#anchor = { server: at + 500, monotonic: this.#clock.monotonicMs() };
  }

  /** epoch ms */
  now(): number {
    if (!this.#anchor) return this.#clock.now();
    return this.#anchor.server + this.#clock.monotonicMs() - this.#anchor.monotonic;
  }

  /** Whether the device's clock agrees; undefined before the first answer. */
  clockOk(): boolean | undefined {
    const skew = this.skewMs();
    return skew === undefined ? undefined : Math.abs(skew) < CLOCK_TOLERANCE_MS;
  }

  /** By how much the server's time is ahead of the device's, to a second or so; undefined before the first answer. */
  skewMs(): number | undefined {
    return this.#anchor && this.now() - this.#clock.now();
  }
}
