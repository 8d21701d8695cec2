import type { CaptureOptions } from '../contracts/cameras.ts';

/** What a picture process is asked to put out. */
export interface Tuning extends CaptureOptions {
  fps: number;
}

/** Pictures per second that a decoder gives; each serves captures of up to half its rate without showing one twice. */
const RATES = [5, 15, 30];
const REMEMBERED = 4;
/** Captures in a row that must want the same before a running process is given up for one that fits. */
const CONVINCED = 3;

/** Watches the captures of one camera and says how its decoder should be tuned. */
export class CaptureDemand {
  #times: number[] = [];
  #options: CaptureOptions[] = [];

  /** Notes a capture at a time on the monotonic clock. */
  note(options: CaptureOptions, atMs: number): void {
    this.#times = [...this.#times, atMs].slice(-REMEMBERED);
    this.#options = [...this.#options, options].slice(-CONVINCED);
  }

  /** For a process that is about to start. */
  first(): Tuning {
    const options = this.#options.at(-1) ?? {};
    return { ...options, fps: rateFor(this.#times) };
  }

  /** The tuning to change to; undefined while the present one serves. A rate that is too high is left alone. */
  better(now: Tuning): Tuning | undefined {
    const [first, ...others] = this.#options;
    if (this.#options.length < CONVINCED || !first || !others.every((other) => same(first, other))) return undefined;
    const fps = Math.max(now.fps, this.#times.length === REMEMBERED ? rateFor(this.#times) : now.fps);
    return fps === now.fps && same(first, now) ? undefined : { ...first, fps };
  }
}

function rateFor(times: number[]): number {
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? time));
  const middle = gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)];
  const [slowest = 5] = RATES;
  if (middle === undefined || middle <= 0) return slowest;
  return RATES.find((rate) => rate >= 2000 / middle) ?? RATES.at(-1) ?? slowest;
}

function same(a: CaptureOptions, b: CaptureOptions): boolean {
  return a.width === b.width && a.height === b.height && a.jpegQuality === b.jpegQuality;
}
