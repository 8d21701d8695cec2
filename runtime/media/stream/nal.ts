/** Types of NAL units (H.264, table 7-1) that matter here. */
export const NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9 } as const;

/** The start code that stands before every NAL unit of an access unit of ours. */
export const START_CODE = Buffer.from([0, 0, 0, 1]);

/** Type of a NAL unit that begins with its header byte; 0 for an empty one. */
export function nalType(nal: Buffer): number {
  return (nal[0] ?? 0) & 0x1f;
}

/** Whether it holds picture data: a slice or a data partition. */
export function isPicture(type: number): boolean {
  return type >= 1 && type <= 5;
}

/** Whether a NAL unit of this type, after picture data, begins the next access unit (7.4.1.2.3). */
export function beginsUnit(type: number): boolean {
  return (type >= NAL.sei && type <= NAL.delimiter) || (type >= 14 && type <= 18);
}

/** Whether a slice is its picture's first: `first_mb_in_slice` is 0, which Exp-Golomb writes as a single 1. */
export function isFirstSlice(nal: Buffer): boolean {
  return ((nal[1] ?? 0) & 0x80) !== 0;
}

/** Whether a slice may refer to later pictures (type B), read from its header. */
export function isBSlice(nal: Buffer): boolean {
  const bits = new BitReader(nal.subarray(1, 16));
  bits.ue();
  return bits.ue() % 5 === 1;
}

/** The NAL units one after the other, each behind a 4-byte start code. */
export function toAnnexB(nals: readonly Buffer[]): Buffer {
  let size = 0;
  for (const nal of nals) size += START_CODE.length + nal.length;
  const joined = Buffer.allocUnsafe(size);
  let at = 0;
  for (const nal of nals) {
    at += START_CODE.copy(joined, at);
    at += nal.copy(joined, at);
  }
  return joined;
}

/** Reads bits from the first on; past the end it gives zeros, and `overrun` says so. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get overrun(): boolean {
    return this.#at > this.#bytes.length * 8;
  }

  bit(): number {
    const byte = this.#bytes[this.#at >> 3] ?? 0;
    const bit = (byte >> (7 - (this.#at & 7))) & 1;
    this.#at += 1;
    return bit;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  /** unsigned Exp-Golomb */
  ue(): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros += 1;
      if (zeros > 32 || this.overrun) return 0;
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** signed Exp-Golomb */
  se(): number {
    const code = this.ue();
    return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
  }
}
