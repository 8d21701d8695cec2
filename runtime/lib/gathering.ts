/** When it is worth waiting for more. */
export interface Crowd {
  /** the last so many within this time mean that many come at once */
  size: number;
  withinMs: number;
  /** so long is a batch left open for more then */
  gatherMs: number;
  /** a batch of so many costs each about as little as any larger one */
  enough: number;
}

/** How long a batch is left open: not at all while they come one by one, a moment while they come in crowds. */
export class Gathering {
  readonly #crowd: Crowd;
  readonly #arrivals: Float64Array;
  #next = 0;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
    this.#arrivals = new Float64Array(crowd.size).fill(Number.NEGATIVE_INFINITY);
  }

  /** One more came; monotonic ms. */
  note(nowMs: number): void {
    this.#arrivals[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#crowd.size;
  }

  /** ms for which a batch that has so many should still wait; 0 for not at all. */
  waitMs(nowMs: number, waiting: number): number {
    const { withinMs, gatherMs, enough } = this.#crowd;
    if (waiting >= enough) return 0;
    const oldest = this.#arrivals[this.#next] ?? Number.NEGATIVE_INFINITY;
    return nowMs - oldest <= withinMs ? gatherMs : 0;
  }
}
