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
    return this.#anchor ? Math.abs(this.now() - this.#clock.now()) < CLOCK_TOLERANCE_MS : undefined;
  }
}
