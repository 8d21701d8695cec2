import type { AudioFormat } from '../../contracts/streams.ts';

const SAMPLE_RATE = 44_100;
const SAMPLES_IN_FRAME = 1024;
/** Longer than this without pictures is a gap: sound goes on where they do, instead of catching up. */
const GAP_MS = 1000;

/**
 * One AAC-LC frame of silence in stereo, after ISO 14496-3 §4.4.2: a channel pair (id 001, tag 0000, no common window) of two channels
 * with gain 0 and `max_sfb` 0, hence without any spectrum, then the end mark 111. ffmpeg decodes it to zeros.
 */
const FRAME = Buffer.from([0x20, 0, 0, 0, 0, 0, 0x0e]);

/** AAC-LC, 44.1 kHz, stereo: what every service takes. */
export const SILENT_FORMAT: AudioFormat & { config: Buffer } = {
  codec: 'aac',
  sampleRate: SAMPLE_RATE,
  channels: 2,
  config: Buffer.from([0x12, 0x10]),
};

/** Makes the silence that goes with pictures: no encoder runs, the same seven bytes come 43 times a second. */
export class Silence {
  #frames = 0;

  /** The frames due up to `ms` of the stream's time, each with its own time. */
  until(ms: number, give: (data: Buffer, pts: number) => void): void {
    if (ms - this.#next() > GAP_MS) this.#frames = Math.ceil((ms * SAMPLE_RATE) / 1000 / SAMPLES_IN_FRAME);
    while (this.#next() <= ms) {
      give(FRAME, Math.round(this.#next()));
      this.#frames += 1;
    }
  }

  #next(): number {
    return (this.#frames * SAMPLES_IN_FRAME * 1000) / SAMPLE_RATE;
  }
}
