const STEPS_S = [1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 10, 20, 40, 60];
const JITTER = 0.2;

/** How long a source rests before it is started again: 1 s five times, 5 s five times, then 10, 20, 40 and 60 s, each ±20 %. */
export class RestartPause {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Counts a failure and answers the pause after it, in ms. */
  next(): number {
    const step = STEPS_S[Math.min(this.#failures, STEPS_S.length - 1)] ?? 60;
    this.#failures += 1;
    return Math.round(step * 1000 * (1 + JITTER * (2 * this.#random() - 1)));
  }

  /** Starts over, once the source has shown that it is well. */
  reset(): void {
    this.#failures = 0;
  }
}
