import { AppError } from '../../contracts/errors.ts';
import { OPUS_RATE, opusSamples } from './opus-packet.ts';

const PAGE_HEADER_BYTES = 27;
const MOST_BYTES = 1024 * 1024;
/** Granule position of a page on which no packet ends (RFC 3533 §6). */
const NO_PACKET = 0xffff_ffff_ffff_ffffn;

export interface OggSink {
  /** `OpusHead` (RFC 7845 §5.1) was read */
  onHead(head: { channels: number }): void;
  /** `at`: where the packet begins, in samples of 48 kHz on the writer's clock */
  onPacket(packet: Buffer, at: number): void;
}

/**
 * Takes Opus out of an Ogg stream (RFC 3533, RFC 7845) with one logical stream in it, as ffmpeg writes. Checksums are not looked at: it
 * comes through a pipe. Throws `process.failed` on what is no such stream.
 */
export class OggReader {
  readonly #sink: OggSink;
  #rest: Buffer = Buffer.alloc(0);
  #begun: Buffer[] = [];
  #heads = 0;
  #preSkip = 0;

  constructor(sink: OggSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#rest.length > MOST_BYTES) throw broken();
    for (;;) {
      const page = this.#rest;
      if (page.length < PAGE_HEADER_BYTES) return;
      if (page.toString('latin1', 0, 4) !== 'OggS') throw broken();
      const count = page.readUInt8(26);
      const lengths = page.subarray(PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + count);
      const size = PAGE_HEADER_BYTES + count + lengths.reduce((sum, length) => sum + length, 0);
      if (lengths.length < count || page.length < size) return;
      this.#rest = page.subarray(size);
      this.#readPage(lengths, page.subarray(PAGE_HEADER_BYTES + count, size), page.readBigUInt64LE(6));
    }
  }

  #readPage(lengths: Buffer, body: Buffer, granule: bigint): void {
    const packets: Buffer[] = [];
    let at = 0;
    for (const length of lengths) {
      this.#begun.push(body.subarray(at, at + length));
      at += length;
      // A segment of 255 bytes says that its packet goes on.
      if (length === 255) continue;
      packets.push(Buffer.concat(this.#begun));
      this.#begun = [];
    }
    const sound = packets.filter((packet) => !this.#readHead(packet));
    if (sound.length === 0 || granule === NO_PACKET) return;
    // The granule position is where the page's last packet ends.
    let begin = Number(BigInt.asIntN(64, granule)) - this.#preSkip;
    for (const packet of sound) begin -= opusSamples(packet);
    for (const packet of sound) {
      this.#sink.onPacket(packet, begin);
      begin += opusSamples(packet);
    }
  }

  /** The first two packets are OpusHead and OpusTags. */
  #readHead(packet: Buffer): boolean {
    if (this.#heads >= 2) return false;
    this.#heads += 1;
    if (this.#heads === 1) {
      if (packet.toString('latin1', 0, 8) !== 'OpusHead' || packet.length < 19) throw broken();
      this.#preSkip = packet.readUInt16LE(10);
      this.#sink.onHead({ channels: packet.readUInt8(9) });
    }
    return true;
  }
}

/** ms of a place in samples. */
export function opusMs(samples: number): number {
  return (samples * 1000) / OPUS_RATE;
}

function broken(): AppError {
  return new AppError('process.failed', 'the sound is no Opus in Ogg');
}
