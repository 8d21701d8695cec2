/** The last so many frames within this time mean that many senders wait: 320 a second. */
const CROWD = 16;
const CROWD_WITHIN_MS = 50;
/** A batch of so many costs about as little a frame as any larger one. */
const ENOUGH = 32;
const GATHER_MS = 8;

/**
 * How long a batch is left open for more. One statement and one sync cost the same for one frame as for thirty: while frames come in
 * crowds, 8 ms of patience cut CPU a frame by a sixth (app and PostgreSQL together, bench/ingest.ts) and let the disk sync less often.
 * Where they come one by one nobody waits.
 */
export class Gathering {
  readonly #arrivals = new Float64Array(CROWD).fill(Number.NEGATIVE_INFINITY);
  #next = 0;

  /** A frame came; monotonic ms. */
  note(nowMs: number): void {
    this.#arrivals[this.#next] = nowMs;
    this.#next = (this.#next + 1) % CROWD;
  }

  /** ms for which a batch that has so many frames should still wait; 0 for not at all. */
  waitMs(nowMs: number, frames: number): number {
    if (frames >= ENOUGH) return 0;
    const oldest = this.#arrivals[this.#next] ?? Number.NEGATIVE_INFINITY;
    return nowMs - oldest <= CROWD_WITHIN_MS ? GATHER_MS : 0;
  }
}
