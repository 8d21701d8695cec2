import { AppError } from '../../contracts/errors.ts';
import type { AudioFormat } from '../../contracts/streams.ts';
import { ByteQueue } from './byte-queue.ts';
import { START_CODE } from './nal.ts';
import type { RawSink, StreamParser } from './raw-unit.ts';

const FILE_HEADER_BYTES = 9;
const TAG_HEADER_BYTES = 11;
/** the size of the tag before, which follows each tag */
const BACK_BYTES = 4;
const TAG = { audio: 8, video: 9, script: 18 } as const;
const H264 = 7;
const SOUND = { pcma: 7, pcmu: 8, aac: 10 } as const;
const AAC_RATES = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350];

/**
 * Takes FLV apart. Each picture comes with its length in front, so it is known to be whole the moment its last byte is there: with
 * bare Annex B that takes until the next picture. Throws `process.failed` on bytes that are no FLV, or hold another video than H.264.
 */
export class FlvDemuxer implements StreamParser {
  readonly #sink: RawSink;
  readonly #bytes = new ByteQueue();
  #need: { what: 'file' } | { what: 'tag' } | { what: 'body'; type: number; ms: number; size: number } = {
    what: 'file',
  };
  #lengthSize = 4;

  constructor(sink: RawSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
    for (;;) {
      const need = this.#need;
      if (need.what === 'file') {
        if (this.#bytes.length < FILE_HEADER_BYTES + BACK_BYTES) return;
        this.#readFileHeader(this.#bytes.take(FILE_HEADER_BYTES + BACK_BYTES));
      } else if (need.what === 'tag') {
        if (this.#bytes.length < TAG_HEADER_BYTES) return;
        this.#readTagHeader(this.#bytes.take(TAG_HEADER_BYTES));
      } else {
        if (this.#bytes.length < need.size + BACK_BYTES) return;
        const body = this.#bytes.take(need.size);
        const back = this.#bytes.take(BACK_BYTES).readUInt32BE(0);
        if (back !== need.size + TAG_HEADER_BYTES) throw broken('a tag is not as long as it says');
        this.#need = { what: 'tag' };
        if (need.type === TAG.video) this.#readVideo(body, need.ms);
        else if (need.type === TAG.audio) this.#readAudio(body, need.ms);
        else this.#readScript(body);
      }
    }
  }

  end(): void {
    // What is left is a tag that was cut off: nothing to show for.
  }

  #readFileHeader(header: Buffer): void {
    if (header.toString('latin1', 0, 3) !== 'FLV') throw broken('it does not begin as FLV does');
    this.#need = { what: 'tag' };
  }

  #readTagHeader(header: Buffer): void {
    const type = header[0] ?? 0;
    if (type !== TAG.audio && type !== TAG.video && type !== TAG.script) throw broken(`a tag of type ${type}`);
    const ms = header.readUIntBE(4, 3) | ((header[7] ?? 0) << 24);
    this.#need = { what: 'body', type, ms, size: header.readUIntBE(1, 3) };
  }

  #readVideo(body: Buffer, dts: number): void {
    if (body.length < 5) return;
    const codec = (body[0] ?? 0) & 0x0f;
    if (codec !== H264) throw broken(`the video is not H.264 (FLV codec ${codec})`);
    const packet = body[1];
    const data = body.subarray(5);
    if (packet === 0) this.#readConfig(data);
    else if (packet === 1) this.#readUnit(data, dts, dts + body.readIntBE(2, 3));
  }

  /** An AVCDecoderConfigurationRecord: how long lengths are, and the parameter sets. */
  #readConfig(record: Buffer): void {
    if (record.length < 7) return;
    this.#lengthSize = ((record[4] ?? 3) & 3) + 1;
    const sets: Buffer[] = [];
    let at = 5;
    for (const mask of [0x1f, 0xff]) {
      const count = (record[at] ?? 0) & mask;
      at += 1;
      for (let i = 0; i < count; i++) {
        if (at + 2 > record.length) throw broken('the decoder record is cut off');
        const end = at + 2 + record.readUInt16BE(at);
        if (end > record.length) throw broken('the decoder record is cut off');
        sets.push(record.subarray(at + 2, end));
        at = end;
      }
    }
    this.#sink.onParameters(sets);
  }

  #readUnit(data: Buffer, dts: number, pts: number): void {
    const nals: Buffer[] = [];
    const size = this.#lengthSize;
    let at = 0;
    while (at + size <= data.length) {
      const end = at + size + data.readUIntBE(at, size);
      if (end > data.length) throw broken('a picture is longer than its tag');
      // The memory is ours: a 4-byte length becomes the start code in its place, and nothing is copied again.
      if (size === 4) START_CODE.copy(data, at);
      if (end > at + size) nals.push(data.subarray(at + size, end));
      at = end;
    }
    if (at !== data.length) throw broken('bytes are left behind a picture');
    if (nals.length > 0) this.#sink.onUnit({ nals, ...(size === 4 && { annexB: data }), dts, pts });
  }

  /** G.711 has no header of its own: that there is sound stands in `onMetaData`, before the first picture. */
  #readScript(body: Buffer): void {
    const codec = numberIn(body, 'audiocodecid');
    if (codec !== SOUND.pcma && codec !== SOUND.pcmu) return;
    const stereo = body.indexOf('stereo\u0001', 0, 'latin1');
    const channels = stereo >= 0 && body[stereo + 7] === 1 ? 2 : 1;
    this.#sink.onAudioFormat?.({ codec: codec === SOUND.pcma ? 'pcma' : 'pcmu', sampleRate: 8000, channels });
  }

  #readAudio(body: Buffer, pts: number): void {
    const first = body[0] ?? 0;
    const kind = first >> 4;
    const channels = (first & 1) + 1;
    if (kind === SOUND.aac && body.length > 2) {
      const data = body.subarray(2);
      if (body[1] === 0) this.#sink.onAudioFormat?.(readAacConfig(data));
      else this.#sink.onAudio?.(data, pts);
    } else if ((kind === SOUND.pcma || kind === SOUND.pcmu) && body.length > 1) {
      // FLV has no word for 8 kHz, which is what G.711 always is.
      this.#sink.onAudioFormat?.({ codec: kind === SOUND.pcma ? 'pcma' : 'pcmu', sampleRate: 8000, channels });
      this.#sink.onAudio?.(body.subarray(1), pts);
    }
  }
}

/** A number of that name in AMF0 (its mark is 0). */
function numberIn(body: Buffer, name: string): number | undefined {
  const at = body.indexOf(`${name}\u0000`, 0, 'latin1') + name.length + 1;
  return at > name.length && at + 8 <= body.length ? body.readDoubleBE(at) : undefined;
}

/** An AudioSpecificConfig (ISO 14496-3, 1.6.2.1). */
export function readAacConfig(config: Buffer): AudioFormat {
  const bits = config.length >= 2 ? config.readUInt16BE(0) : 0;
  const index = (bits >> 7) & 0x0f;
  const long = index === 15 && config.length >= 5;
  const sampleRate = long ? (config.readUIntBE(1, 4) >>> 7) & 0xffffff : (AAC_RATES[index] ?? 44_100);
  const channels = long ? ((config[4] ?? 0) >> 3) & 0x0f : (bits >> 3) & 0x0f;
  return { codec: 'aac', sampleRate, channels: channels || 2, config: Buffer.from(config) };
}

function broken(what: string): AppError {
  return new AppError('process.failed', `the source's stream is broken: ${what}`);
}
