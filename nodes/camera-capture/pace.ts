import type { Clock } from '../../runtime/contracts/host.ts';

/**
 * Beats at an interval without drifting. A beat that takes longer than the interval delays the next one; missed beats are left out,
 * never made up for. `beat` must not throw.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #beat: () => Promise<void>;
  #intervalMs = 0;
  #due = 0;
  #busy = false;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, beat: () => Promise<void>) {
    this.#clock = clock;
    this.#beat = beat;
  }

  /** Sets the interval in ms, 0 to stand still. A shorter one takes effect at once, not after the old one has passed. */
  set(intervalMs: number): void {
    if (intervalMs === this.#intervalMs) return;
    const now = this.#clock.monotonicMs();
    const last = this.#intervalMs === 0 ? Number.NEGATIVE_INFINITY : this.#due - this.#intervalMs;
    this.#intervalMs = intervalMs;
    this.#due = Math.max(now, last + intervalMs);
    this.#arm();
  }

  stop(): void {
    this.#intervalMs = 0;
    this.#cancel?.();
  }

  #arm(): void {
    this.#cancel?.();
    if (this.#intervalMs === 0 || this.#busy) return;
    this.#cancel = this.#clock.after(Math.max(0, this.#due - this.#clock.monotonicMs()), () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#busy = true;
    await this.#beat();
    this.#busy = false;
    const now = this.#clock.monotonicMs();
    if (this.#intervalMs > 0) {
      const missed = Math.max(0, Math.floor((now - this.#due) / this.#intervalMs));
      this.#due += (missed + 1) * this.#intervalMs;
    }
    this.#arm();
  }
}
