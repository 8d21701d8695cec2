/** One picture as it came: its NAL units without start codes. */
export interface Picture {
  timestamp: number;
  nals: Buffer[];
}

/** Kinds of NAL units in a picture: 7 SPS, 8 PPS, 5 IDR, 1 other slice. */
export function kindsOf({ nals }: Picture): number[] {
  return nals.map((nal) => (nal[0] ?? 0) & 31);
}

/** Puts H.264 in RTP packets (RFC 6184) together again. */
export class RtpPictures {
  readonly pictures: Picture[] = [];
  /** packets that came, by their number */
  readonly sequence: number[] = [];
  /** bytes of H.264 in each of them */
  readonly sizes: number[] = [];
  readonly #payloadType: number;
  #nals: Buffer[] = [];
  #fragment: Buffer[] = [];

  constructor(payloadType = 96) {
    this.#payloadType = payloadType;
  }

  /** Annex B of all that came, with 4-byte start codes. */
  annexB(): Buffer {
    const start = Buffer.from([0, 0, 0, 1]);
    return Buffer.concat(this.pictures.flatMap(({ nals }) => nals.flatMap((nal) => [start, nal])));
  }

  take(packet: Buffer): void {
    if (packet.length < 14 || ((packet[1] ?? 0) & 127) !== this.#payloadType) return;
    this.sequence.push(packet.readUInt16BE(2));
    const headerEnd = 12 + ((packet[0] ?? 0) & 15) * 4;
    const extension = (packet[0] ?? 0) & 16 ? 4 + packet.readUInt16BE(headerEnd + 2) * 4 : 0;
    const payload = packet.subarray(headerEnd + extension);
    this.sizes.push(payload.length);
    const first = payload[0] ?? 0;
    const kind = first & 31;
    if (kind === 24) {
      for (let at = 1; at + 2 <= payload.length; at += 2 + payload.readUInt16BE(at)) {
        this.#nals.push(Buffer.from(payload.subarray(at + 2, at + 2 + payload.readUInt16BE(at))));
      }
    } else if (kind === 28) {
      const second = payload[1] ?? 0;
      if (second & 128) this.#fragment = [Buffer.from([(first & 0xe0) | (second & 31)])];
      this.#fragment.push(Buffer.from(payload.subarray(2)));
      if (second & 64) this.#nals.push(Buffer.concat(this.#fragment));
    } else {
      this.#nals.push(Buffer.from(payload));
    }
    if ((packet[1] ?? 0) & 128) {
      this.pictures.push({ timestamp: packet.readUInt32BE(4), nals: this.#nals });
      this.#nals = [];
    }
  }
}
