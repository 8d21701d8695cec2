import type { AccessUnit, AudioFormat, AudioUnit, StreamFormat } from '../../contracts/streams.ts';
import { avcConfig } from '../hls/init-segment.ts';
import { lengthPrefixed } from '../stream/length-prefixed.ts';
import { NOT_IN_SAMPLES } from '../stream/nal.ts';
import { SILENT_FORMAT, Silence } from './silence.ts';

const TAG = { audio: 8, video: 9, script: 18 } as const;
const TAG_HEADER_BYTES = 11;
/** codec 7 (AVC) in the low half, key frame or not in the high one */
const KEY_FRAME = 0x17;
const INTER_FRAME = 0x27;
/** AAC, whose rate and channels are told by its config */
const AAC = 0xaf;

export type SoundSource = 'camera' | 'silent' | 'none';

/**
 * Writes a stream as FLV (Adobe, Video File Format Specification 10.1) whose time begins with its first picture: the muxer behind it
 * gets each picture with its length in front and its own times, so nothing is guessed and nothing is throttled.
 */
export class FlvWriter {
  readonly #write: (bytes: Buffer, ms: number) => void;
  readonly #sound: SoundSource;
  readonly #silence = new Silence();
  #base: number | undefined;

  /** Writes file header, metadata and both decoder configs at once. */
  constructor(format: StreamFormat, sound: SoundSource, write: (bytes: Buffer, ms: number) => void) {
    this.#write = write;
    this.#sound = sound;
    const audio = sound === 'silent' ? SILENT_FORMAT : sound === 'camera' ? format.audio : undefined;
    // FLV 1, pictures, and sound where there is some; nine bytes of header; no tag before the first.
    write(Buffer.from([0x46, 0x4c, 0x56, 1, audio ? 5 : 1, 0, 0, 0, 9, 0, 0, 0, 0]), 0);
    this.#tag(TAG.script, 0, [metadata(format, audio)]);
    this.#tag(TAG.video, 0, [Buffer.from([KEY_FRAME, 0, 0, 0, 0]), avcConfig(format.video)]);
    if (audio?.config) this.#tag(TAG.audio, 0, [Buffer.from([AAC, 0]), audio.config]);
  }

  video(unit: AccessUnit): void {
    this.#base ??= unit.dts;
    const ms = unit.dts - this.#base;
    if (this.#sound === 'silent') this.#silence.until(ms, (data, pts) => this.#aac(data, pts));
    const head = Buffer.from([unit.isKey ? KEY_FRAME : INTER_FRAME, 1, 0, 0, 0]);
    head.writeIntBE(unit.pts - unit.dts, 2, 3);
    this.#tag(TAG.video, ms, [head, ...lengthPrefixed(unit.annexB, NOT_IN_SAMPLES)]);
  }

  /** Sound of the camera; what lies before the first picture is left out. */
  audio(unit: AudioUnit): void {
    if (this.#sound !== 'camera' || this.#base === undefined || unit.pts < this.#base) return;
    this.#aac(unit.data, unit.pts - this.#base);
  }

  #aac(data: Buffer, ms: number): void {
    this.#tag(TAG.audio, ms, [Buffer.from([AAC, 1]), data]);
  }

  #tag(type: number, ms: number, pieces: readonly Buffer[]): void {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const bytes = Buffer.allocUnsafe(TAG_HEADER_BYTES + size + 4);
    bytes.writeUInt8(type, 0);
    bytes.writeUIntBE(size, 1, 3);
    // 24 bits, and the upper eight behind them: 24 days go in, then it begins again, as RTMP's own time does.
    bytes.writeUIntBE(ms & 0xffffff, 4, 3);
    bytes.writeUInt8((ms >>> 24) & 0x7f, 7);
    bytes.writeUIntBE(0, 8, 3);
    let at = TAG_HEADER_BYTES;
    for (const piece of pieces) at += piece.copy(bytes, at);
    bytes.writeUInt32BE(at, at);
    this.#write(bytes, ms);
  }
}

/** `onMetaData` in AMF 0: what is in the file, so that nobody waits to find out. */
function metadata({ video }: StreamFormat, audio: AudioFormat | undefined): Buffer {
  const values: [string, number][] = [
    ['width', video.width],
    ['height', video.height],
    ['videocodecid', 7],
    ...(audio ? ([['audiocodecid', 10]] satisfies [string, number][]) : []),
  ];
  const count = Buffer.alloc(5);
  count[0] = 8;
  count.writeUInt32BE(values.length, 1);
  const entries = values.map(([name, value]) => {
    const number = Buffer.alloc(9);
    number.writeDoubleBE(value, 1);
    return Buffer.concat([amfName(name), number]);
  });
  return Buffer.concat([Buffer.from([2]), amfName('onMetaData'), count, ...entries, Buffer.from([0, 0, 9])]);
}

function amfName(name: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name, 'latin1')]);
}
