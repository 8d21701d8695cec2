import { BitReader, NAL, nalType } from './nal.ts';

/** What a sequence parameter set says of its stream. */
export interface Sps {
  /** RFC 6381, as `avc1.42e01f` */
  codec: string;
  profile: number;
  /** as shown, cropping taken off */
  width: number;
  height: number;
  /** how many pictures may have to be held back to show them in order; undefined where it does not say */
  reordered: number | undefined;
  /** 4:2:0 with 8 bits, the only kind that browsers play */
  isPlain: boolean;
}

/** Profiles whose header goes on with the kind of colours. */
const WITH_CHROMA = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const BASELINE = 66;
const SIDE_LIMIT = 16_384;

/** Reads a sequence parameter set (H.264, 7.3.2.1); undefined when it is none, or its numbers make no sense. */
export function parseSps(nal: Buffer): Sps | undefined {
  if (nalType(nal) !== NAL.sps || nal.length < 4) return undefined;
  const bits = new BitReader(unescaped(nal.subarray(1)));
  const profile = bits.bits(8);
  const flags = bits.bits(8);
  const level = bits.bits(8);
  bits.ue();
  const colours = readColours(bits, profile);
  bits.ue();
  const order = skipPictureOrder(bits);
  bits.ue();
  bits.bit();
  const { width, height } = readSize(bits, colours.chroma);
  const sane = width > 0 && height > 0 && width <= SIDE_LIMIT && height <= SIDE_LIMIT;
  if (bits.overrun || !sane) return undefined;
  const neverReorders = order === 2 || profile === BASELINE;
  const reordered = neverReorders ? 0 : readReordered(bits);
  const codec = `avc1.${[profile, flags, level].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  return { codec, profile, width, height, reordered, isPlain: colours.isPlain };
}

/** Without the bytes that keep start codes from appearing inside. */
function unescaped(bytes: Buffer): Uint8Array {
  const plain = new Uint8Array(bytes.length);
  let size = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    plain[size++] = byte;
  }
  return plain.subarray(0, size);
}

function readColours(bits: BitReader, profile: number): { chroma: number; isPlain: boolean } {
  if (!WITH_CHROMA.has(profile)) return { chroma: 1, isPlain: true };
  const kind = bits.ue();
  const separate = kind === 3 && bits.bit() === 1;
  const depth = bits.ue() + bits.ue();
  bits.bit();
  if (bits.bit() === 1) {
    const lists = kind === 3 ? 12 : 8;
    for (let i = 0; i < lists; i++) if (bits.bit() === 1) skipScalingList(bits, i < 6 ? 16 : 64);
  }
  return { chroma: separate ? 0 : kind, isPlain: kind === 1 && depth === 0 };
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size && !bits.overrun; i++) {
    if (next !== 0) next = (last + bits.se() + 256) % 256;
    if (next !== 0) last = next;
  }
}

/** Answers the type of the picture order count. */
function skipPictureOrder(bits: BitReader): number {
  const type = bits.ue();
  if (type === 0) bits.ue();
  if (type === 1) {
    bits.bit();
    bits.se();
    bits.se();
    const cycle = Math.min(255, bits.ue());
    for (let i = 0; i < cycle; i++) bits.se();
  }
  return type;
}

function readSize(bits: BitReader, chroma: number): { width: number; height: number } {
  const across = bits.ue() + 1;
  const down = bits.ue() + 1;
  const framesOnly = bits.bit();
  if (framesOnly === 0) bits.bit();
  bits.bit();
  const fields = 2 - framesOnly;
  const size = { width: across * 16, height: down * 16 * fields };
  if (bits.bit() === 0) return size;
  const [left, right, top, bottom] = [bits.ue(), bits.ue(), bits.ue(), bits.ue()];
  const unitX = chroma === 1 || chroma === 2 ? 2 : 1;
  const unitY = (chroma === 1 ? 2 : 1) * fields;
  return { width: size.width - unitX * (left + right), height: size.height - unitY * (top + bottom) };
}

/** The end of the usability information, behind everything else in it. */
function readReordered(bits: BitReader): number | undefined {
  if (bits.bit() === 0) return undefined;
  if (bits.bit() === 1 && bits.bits(8) === 255) bits.bits(32);
  if (bits.bit() === 1) bits.bit();
  if (bits.bit() === 1) {
    bits.bits(4);
    if (bits.bit() === 1) bits.bits(24);
  }
  if (bits.bit() === 1) {
    bits.ue();
    bits.ue();
  }
  if (bits.bit() === 1) bits.bits(65);
  const nalBuffer = bits.bit() === 1;
  if (nalBuffer) skipBuffer(bits);
  const unitBuffer = bits.bit() === 1;
  if (unitBuffer) skipBuffer(bits);
  if (nalBuffer || unitBuffer) bits.bit();
  bits.bit();
  if (bits.bit() === 0) return undefined;
  bits.bit();
  for (let i = 0; i < 4; i++) bits.ue();
  const reordered = bits.ue();
  return bits.overrun ? undefined : reordered;
}

function skipBuffer(bits: BitReader): void {
  const count = Math.min(32, bits.ue() + 1);
  bits.bits(8);
  for (let i = 0; i < count; i++) {
    bits.ue();
    bits.ue();
    bits.bit();
  }
  bits.bits(20);
}
