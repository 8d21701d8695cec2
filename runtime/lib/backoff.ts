/** Exponential waiting with jitter: 1x, 2x, 4x … of `firstMs` up to `maxMs`, each spread over ±`jitter` of itself. */
export class Backoff {
  readonly #options: { firstMs: number; maxMs: number; jitter: number; random: () => number };
  #tries = 0;

  constructor(options: { firstMs: number; maxMs: number; jitter?: number; random?: () => number }) {
    const { firstMs, maxMs, jitter = 0.2, random = Math.random } = options;
    this.#options = { firstMs, maxMs, jitter, random };
  }

  /** How long to wait before the next try, in ms. */
  next(): number {
    const { firstMs, maxMs, jitter, random } = this.#options;
    const plain = Math.min(maxMs, firstMs * 2 ** Math.min(this.#tries, 30));
    this.#tries += 1;
    return Math.round(plain * (1 + jitter * (2 * random() - 1)));
  }

  /** Starts over after a success. */
  reset(): void {
    this.#tries = 0;
  }
}
