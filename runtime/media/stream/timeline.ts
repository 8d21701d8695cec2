/** Later than this is no pause between two pictures but another clock. */
const JUMP_MS = 10_000;

/**
 * One rising clock for a stream whose source's clock starts over with each run, jumps, or stands. While the source is away, time
 * goes on as it does here.
 */
export class Timeline {
  #offset = 0;
  #last: { out: number; atMs: number } | undefined;
  #begins = true;

  /** The source's clock starts anew with the next unit. */
  restart(): void {
    this.#begins = true;
  }

  /** Where a unit's `dts` lies; always later than the one before. `atMs`: when it arrived, monotonic. */
  place(dts: number, atMs: number): number {
    const last = this.#last;
    const jumped = last !== undefined && Math.abs(dts + this.#offset - last.out) > JUMP_MS;
    if (this.#begins || jumped) this.#offset = (last ? last.out + Math.max(1, atMs - last.atMs) : 0) - dts;
    this.#begins = false;
    const out = Math.max(Math.round(dts + this.#offset), (last?.out ?? -1) + 1);
    this.#last = { out, atMs };
    return out;
  }

  /** The same moment as `place` gives, for what need not rise: sound. */
  moment(ms: number): number {
    return Math.round(ms + this.#offset);
  }
}
