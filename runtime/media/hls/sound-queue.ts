import type { Sample } from './fmp4.ts';

/** Samples of one AAC frame. */
const FRAME = 1024;
/** A frame this far from where the one before ends is taken at its word; less is jitter of the camera's clock. */
const JUMP_S = 0.06;
/** about 20 s */
const MOST = 1000;

interface Waiting {
  at: number;
  data: Buffer;
}

/** Frames of AAC on their way into the next part, on a gapless clock of their own. Memory is bounded: the oldest give way. */
export class SoundQueue {
  readonly #rate: number;
  #waiting: Waiting[] = [];
  #next: number | undefined;

  constructor(sampleRate: number) {
    this.#rate = sampleRate;
  }

  /** Takes a frame of that time, in seconds of the track; what would lie before the one before it is left out. */
  push(data: Buffer, seconds: number): void {
    const said = Math.round(seconds * this.#rate);
    if (said < 0) return;
    const expected = this.#next ?? said;
    const jumped = Math.abs(said - expected) > JUMP_S * this.#rate;
    if (jumped && said < expected) return;
    const at = jumped ? said : expected;
    this.#next = at + FRAME;
    this.#waiting.push({ at, data });
    if (this.#waiting.length > MOST) this.#waiting.shift();
  }

  /** The frames before that time, in seconds; with the time of the first in ticks. */
  take(beforeSeconds: number): { at: number; samples: Sample[] } {
    const end = beforeSeconds * this.#rate;
    const later = this.#waiting.findIndex(({ at }) => at >= end);
    const taken = this.#waiting.splice(0, later < 0 ? this.#waiting.length : later);
    const samples = taken.map(({ at, data }, index) => ({
      pieces: [data],
      duration: (taken[index + 1]?.at ?? at + FRAME) - at,
      shift: 0,
      isKey: true,
    }));
    return { at: taken[0]?.at ?? 0, samples };
  }
}
