/** Least distance of two pictures, in ticks of 90 kHz: a player takes equal times for one picture. */
const LEAST_STEP = 9;

/**
 * RTP times of one viewer (90 kHz, modulo 2^32, RFC 3550 §5.1: beginning anywhere). They always rise: when pictures are sent again to a
 * player that lost some, they are squeezed into the moment after the last one, since a player drops what seems older than what it shows.
 */
export class RtpTimeline {
  readonly #offset: number;
  #last = Number.NEGATIVE_INFINITY;

  constructor(offset: number) {
    this.#offset = offset;
  }

  /** The time of a unit with that time in ms. */
  at(ms: number): number {
    const ticks = Math.max(Math.round(ms * 90), this.#last + LEAST_STEP);
    this.#last = ticks;
    const wrapped = (ticks + this.#offset) % 2 ** 32;
    return wrapped < 0 ? wrapped + 2 ** 32 : wrapped;
  }
}
