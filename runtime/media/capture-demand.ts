import type { CaptureOptions } from '../contracts/cameras.ts';

/** What a picture process is asked to put out. */
export interface Tuning extends CaptureOptions {
  fps: number;
}

/** Pictures per second that a decoder gives; each serves captures of up to half its rate without showing one twice. */
const FASTEST = 30;
const RATES = [5, 15, FASTEST];
/** Captures are counted over so long; a few quick ones are no reason to start a decoder anew. */
const WINDOW_MS = 5000;
const SUSTAINED_MS = 2500;
/** Captures in a row that must want the same before a running process is given up for one that fits. */
const CONVINCED = 3;

/** Watches the captures of one camera and says how its decoder should be tuned. */
export class CaptureDemand {
  #times: number[] = [];
  #options: CaptureOptions[] = [];

  /** Notes a capture at a time on the monotonic clock. */
  note(options: CaptureOptions, atMs: number): void {
    this.#times = [...this.#times.filter((time) => time > atMs - WINDOW_MS), atMs];
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
    const fps = Math.max(now.fps, rateFor(this.#times));
    return fps === now.fps && same(first, now) ? undefined : { ...first, fps };
  }
}

function rateFor(times: number[]): number {
  const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const capturesPerSecond = spanMs < SUSTAINED_MS ? 0 : ((times.length - 1) * 1000) / spanMs;
  // A little below twice, so that captures that are a few ms early do not tip it over.
  const needed = 1.9 * capturesPerSecond;
  return RATES.find((rate) => rate >= needed) ?? FASTEST;
}

function same(a: CaptureOptions, b: CaptureOptions): boolean {
  return a.width === b.width && a.height === b.height && a.jpegQuality === b.jpegQuality;
}
