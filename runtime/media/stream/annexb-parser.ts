import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import { beginsUnit, isFirstSlice, isPicture, nalType } from './nal.ts';
import type { RawSink, StreamParser } from './raw-unit.ts';

const CODE = Buffer.from([0, 0, 1]);
const NOTHING = Buffer.alloc(0);
const IDLE_MS = 5;
/** A machine that is too busy to write a picture in one go is waited for up to so long. */
const MOST_IDLE_MS = 40;
/** A NAL unit is not longer; more without a start code is no H.264. */
const MOST_BYTES = 8 * 1024 * 1024;

export interface AnnexBOptions {
  sink: RawSink;
  clock: Clock;
  /** so long must nothing come before a picture counts as whole; 0: only when the next one begins. Default 5 ms. */
  idleMs?: number;
}

/**
 * Splits bare H.264, as a camera's own program writes it, into access units stamped with the time at which they began to arrive. The
 * bytes do not say where a picture ends, so it is handed on when the next one begins, or earlier: when nothing has come for a few ms
 * and the last NAL unit holds picture data. A writer that pauses inside a picture makes that wrong: the rest of the torn NAL unit is
 * left out then, and pauses are waited for longer from there on. Throws `process.failed` on what is no H.264.
 */
export class AnnexBParser implements StreamParser {
  readonly #sink: RawSink;
  readonly #clock: Clock;
  #idleMs: number;
  /** from the header of the NAL unit that is being read, or while there is none, what may be a start code's beginning */
  #rest: Buffer = NOTHING;
  /** before this no start code begins */
  #searched = 0;
  #isInside = false;
  /** it is known whether the NAL unit begins another picture */
  #isJudged = false;
  #nals: Buffer[] = [];
  #hasPicture = false;
  #beganMs = 0;
  /** the unit before was handed on for the silence after it */
  #isGuess = false;
  #torn = 0;
  #cancelIdle = () => {};

  constructor({ sink, clock, idleMs = IDLE_MS }: AnnexBOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** pictures that were taken for whole and were not */
  get torn(): number {
    return this.#torn;
  }

  push(chunk: Buffer): void {
    this.#cancelIdle();
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#split();
    if (this.#rest.length > MOST_BYTES) throw new AppError('process.failed', "the source's stream is no H.264");
    if (this.#idleMs > 0) this.#cancelIdle = this.#clock.after(this.#idleMs, () => this.#guess());
  }

  end(): void {
    this.#cancelIdle();
    if (this.#isInside) this.#finish(this.#rest);
    this.#isInside = false;
    this.#rest = NOTHING;
    this.#emit();
  }

  #split(): void {
    for (;;) {
      const at = this.#rest.indexOf(CODE, this.#searched);
      if (at < 0) {
        this.#searched = Math.max(0, this.#rest.length - CODE.length + 1);
        if (this.#isInside && this.#rest.length >= 2) this.#judge(this.#rest);
        return;
      }
      const before = this.#rest.subarray(0, at);
      if (this.#isInside) this.#finish(before);
      else if (this.#isGuess && before.some((byte) => byte !== 0)) this.#wasTorn();
      this.#rest = this.#rest.subarray(at + CODE.length);
      this.#searched = 0;
      this.#isInside = true;
      this.#isJudged = false;
    }
  }

  /** Looks at the beginning of a NAL unit: the picture before it is whole when another one begins here. */
  #judge(nal: Buffer): void {
    if (this.#isJudged) return;
    this.#isJudged = true;
    const type = nalType(nal);
    const isFirst = isPicture(type) && isFirstSlice(nal);
    if (this.#hasPicture && (beginsUnit(type) || isFirst)) this.#emit();
    if (this.#isGuess && isPicture(type) && !isFirst && this.#nals.length === 0) this.#wasTorn();
    this.#isGuess = false;
    if (this.#nals.length === 0) this.#beganMs = this.#clock.monotonicMs();
  }

  #finish(bytes: Buffer): void {
    // Zeros at the end belong to the next start code.
    const nal = bytes.subarray(0, bytes.length - zerosAtEnd(bytes));
    if (nal.length === 0) return;
    this.#judge(nal);
    this.#nals.push(nal);
    this.#hasPicture ||= isPicture(nalType(nal));
  }

  /** Nothing has come for a while: a picture that looks whole is taken to be. */
  #guess(): void {
    if (!this.#isInside || this.#rest.length < 2 || !isPicture(nalType(this.#rest))) return;
    const rest = this.#rest;
    this.#finish(rest);
    this.#emit();
    this.#isInside = false;
    this.#isGuess = true;
    this.#rest = rest.subarray(rest.length - zerosAtEnd(rest));
    this.#searched = 0;
  }

  #wasTorn(): void {
    this.#torn += 1;
    this.#isGuess = false;
    this.#idleMs = Math.min(MOST_IDLE_MS, this.#idleMs * 2);
  }

  #emit(): void {
    const nals = this.#nals;
    if (nals.length === 0) return;
    this.#nals = [];
    this.#hasPicture = false;
    this.#sink.onUnit({ nals, dts: this.#beganMs, pts: this.#beganMs });
  }
}

function zerosAtEnd(bytes: Buffer): number {
  let count = 0;
  while (count < bytes.length && bytes[bytes.length - 1 - count] === 0) count += 1;
  return count;
}
