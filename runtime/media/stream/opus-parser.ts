import { OggReader, opusMs } from '../sound/ogg-reader.ts';
import { OPUS_RATE } from '../sound/opus-packet.ts';
import type { RawSink } from './raw-unit.ts';

/** Opus that comes beside the pictures of a source, in Ogg, on the clock of the pictures. Throws `process.failed` on something else. */
export class OpusParser {
  readonly #ogg: OggReader;

  /** Tells the format at once: who joins with the first picture has to know that sound follows. */
  constructor(sink: Pick<RawSink, 'onAudioFormat' | 'onAudio'>) {
    sink.onAudioFormat?.({ codec: 'opus', sampleRate: OPUS_RATE, channels: 2 });
    this.#ogg = new OggReader({
      onHead() {},
      onPacket: (packet, at) => sink.onAudio?.(packet, opusMs(at)),
    });
  }

  push(chunk: Buffer): void {
    this.#ogg.push(chunk);
  }
}
