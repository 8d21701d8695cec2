import type { Clock } from '../../runtime/contracts/host.ts';

/** A wait that can be cut short, for one loop. A cut while nobody waits makes the next wait end at once. */
export class Pause {
  readonly #clock: Clock;
  #wake: (() => void) | undefined;
  #cut = false;
  #ended = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `ms` (never by itself without it), at a cut, or at the end. */
  wait(ms?: number): Promise<void> {
    if (this.#cut || this.#ended) {
      this.#cut = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = () => {
        cancel?.();
        this.#wake = undefined;
        resolve();
      };
      const cancel = ms === undefined ? undefined : this.#clock.after(ms, wake);
      this.#wake = wake;
    });
  }

  /** Ends the wait that runs, or the next one. */
  cut(): void {
    if (this.#wake) this.#wake();
    else this.#cut = true;
  }

  /** Forgets a cut that came while nobody waited. */
  forget(): void {
    this.#cut = false;
  }

  /** No wait lasts from here on. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
