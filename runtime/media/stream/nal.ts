/** Types of NAL units (H.264, table 7-1) that matter here. */
export const NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9, filler: 12 } as const;

/** Types that a container keeps beside the pictures (the parameter sets) or has no use for. */
export const NOT_IN_SAMPLES: ReadonlySet<number> = new Set([NAL.sps, NAL.pps, NAL.delimiter]);

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

const SHORT_START = START_CODE.subarray(1);

/**
 * The NAL units of an access unit in Annex B, as views of it; none when it does not begin with a start code. `isPlain`: before each
 * stands a 4-byte start code and nothing else, so that the unit can be handed on as it is.
 */
export function splitAnnexB(unit: Buffer): { nals: Buffer[]; isPlain: boolean } {
  const nals: Buffer[] = [];
  let code = unit.indexOf(SHORT_START);
  let isPlain = code === 1;
  if (code < 0 || code > 1 || (code === 1 && unit[0] !== 0)) return { nals, isPlain: false };
  while (code >= 0) {
    const start = code + SHORT_START.length;
    const next = unit.indexOf(SHORT_START, start);
    let end = next < 0 ? unit.length : next;
    const zeros = end;
    // The four-byte start code's first zero, and zeros that pad a unit, belong to no unit.
    while (end > start && unit[end - 1] === 0) end -= 1;
    if (zeros - end !== (next < 0 ? 0 : 1)) isPlain = false;
    if (end > start) nals.push(unit.subarray(start, end));
    else isPlain = false;
    code = next;
  }
  return { nals, isPlain };
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
