/** Less than this is rounding, or the jitter of a camera's clock; more is a gap. */
const JUMP_MS = 30;

/** Places packets on a clock of samples without holes or overlaps, although their times come rounded to ms. */
export class SampleClock {
  readonly #rate: number;
  #next: number | undefined;

  constructor(rate: number) {
    this.#rate = rate;
  }

  /** The sample at which a packet of that many samples begins, which arrived with that time in ms. */
  place(ms: number, samples: number): number {
    const said = Math.round((ms * this.#rate) / 1000);
    const expected = this.#next ?? said;
    const at = Math.abs(said - expected) > (JUMP_MS * this.#rate) / 1000 ? said : expected;
    this.#next = at + samples;
    return at;
  }
}
