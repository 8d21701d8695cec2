import { findCode, type HuffmanTable, LOOKUP_BITS, SKIP_UNTIL } from './jpeg-huffman.ts';
import type { Component, PlainJpeg } from './jpeg-plain.ts';

/** Brightness of a JPEG at an eighth or a quarter of its size, rounded up. */
export interface SmallGrey {
  width: number;
  height: number;
  pixels: Uint8Array;
}

/** More than any unit of interleaving can be long: reading may run so far over the end before it is noticed. */
const SLACK = 4096;
/** A place in the coded data that cannot be: the data are broken. */
const BROKEN = -1;
/** Shares of a block's first coefficients in the mean of one quarter of it (cosines averaged over four pixels, T.81 A.3.3). */
const MEAN = 0.125;
const SIDE = 0.113262;
const CORNER = 0.102626;

/** Coded data without stuffed bytes and restart markers; kept, since every picture needs one. */
let clean = new Uint8Array(256 * 1024);
let view = new DataView(clean.buffer);

/**
 * Decodes only what a small picture needs: of each block of 8x8 pixels of brightness its mean (`eighth`) or those of its quarters
 * (`quarter`); all other coefficients and colour are passed over. Undefined when the data end early or are broken.
 */
export function decodeSmall(jpeg: Uint8Array, plain: PlainJpeg, scale: 'eighth' | 'quarter'): SmallGrey | undefined {
  const parts = unstuff(jpeg, plain.scan);
  const [first] = plain.components;
  if (!parts || !first) return undefined;
  const perBlock = scale === 'eighth' ? 1 : 2;
  const unitsAcross = Math.ceil(plain.width / (8 * first.across));
  const unitsDown = Math.ceil(plain.height / (8 * first.down));
  const size = { width: unitsAcross * first.across * perBlock, height: unitsDown * first.down * perBlock };
  const whole: SmallGrey = { ...size, pixels: new Uint8Array(size.width * size.height) };
  const put = scale === 'eighth' ? putMean : putQuarters;
  const units = unitsAcross * unitsDown;
  const interval = plain.restartInterval || units;
  if (parts.starts.length !== Math.ceil(units / interval)) return undefined;
  const end = parts.end * 8;
  let at = 0;
  for (let unit = 0; unit < units; unit += 1) {
    if (unit % interval === 0) {
      at = (parts.starts[unit / interval] ?? 0) * 8;
      brightness = 0;
    }
    const left = (unit % unitsAcross) * first.across;
    const top = Math.floor(unit / unitsAcross) * first.down;
    for (let down = 0; down < first.down; down += 1) {
      for (let across = 0; across < first.across; across += 1) {
        at = put(at, first, plain.quantisation, whole, left + across, top + down);
        if (at < 0) return undefined;
      }
    }
    for (let i = 1; i < plain.components.length; i += 1) {
      const component = plain.components[i];
      if (component) at = skipBlocks(at, component);
      if (at < 0) return undefined;
    }
    if (at > end) return undefined;
  }
  return cropped(whole, Math.ceil((plain.width * perBlock) / 8), Math.ceil((plain.height * perBlock) / 8));
}

/** The first coefficient of the block before: each is coded as the difference from it. */
let brightness = 0;
/** The value of the coefficient that was read last. */
let value = 0;

function putMean(
  from: number,
  { dc, ac }: Component,
  quantisation: Uint16Array,
  into: SmallGrey,
  x: number,
  y: number,
): number {
  const at = readDifference(from, dc);
  if (at < 0) return BROKEN;
  brightness += value;
  into.pixels[y * into.width + x] = grey(brightness * (quantisation[0] ?? 0) * MEAN);
  return skipCoefficients(at, ac, 1);
}

function putQuarters(
  from: number,
  { dc, ac }: Component,
  quantisation: Uint16Array,
  into: SmallGrey,
  x: number,
  y: number,
): number {
  let at = readDifference(from, dc);
  if (at < 0) return BROKEN;
  brightness += value;
  let across = 0;
  let down = 0;
  let both = 0;
  let place = 1;
  while (place < 5) {
    const code = nextCode(at, ac);
    if (code === 0) return BROKEN;
    place += code >> 9;
    at = readValue(at + (code & 31), (code >> 5) & 15);
    if (place === 2) across = value * (quantisation[1] ?? 0) * SIDE;
    else if (place === 3) down = value * (quantisation[2] ?? 0) * SIDE;
    else if (place === 5) both = value * (quantisation[4] ?? 0) * CORNER;
  }
  const mean = brightness * (quantisation[0] ?? 0) * MEAN;
  const corner = 2 * y * into.width + 2 * x;
  into.pixels[corner] = grey(mean + across + down + both);
  into.pixels[corner + 1] = grey(mean - across + down - both);
  into.pixels[corner + into.width] = grey(mean + across - down - both);
  into.pixels[corner + into.width + 1] = grey(mean - across - down + both);
  return skipCoefficients(at, ac, place);
}

function skipBlocks(from: number, { dc, ac, across, down }: Component): number {
  let at = from;
  for (let n = across * down; n > 0; n -= 1) {
    at = readDifference(at, dc);
    if (at < 0) return BROKEN;
    at = skipCoefficients(at, ac, 1);
    if (at < 0) return BROKEN;
  }
  return at;
}

function readDifference(at: number, dc: HuffmanTable): number {
  const bits = view.getUint32(at >>> 3) << (at & 7);
  const code = dc.read[bits >>> (32 - LOOKUP_BITS)] || findCode(dc, bits >>> 16, 'dc');
  return code === 0 ? BROKEN : readValue(at + (code & 31), (code >> 5) & 15);
}

function nextCode(at: number, ac: HuffmanTable): number {
  const bits = view.getUint32(at >>> 3) << (at & 7);
  return ac.read[bits >>> (32 - LOOKUP_BITS)] || findCode(ac, bits >>> 16, 'ac');
}

/** Reads `size` bits into `value`; those that begin with 0 are negative (T.81 F.2.2.1). */
function readValue(at: number, size: number): number {
  if (size === 0) {
    value = 0;
    return at;
  }
  const bits = (view.getUint32(at >>> 3) << (at & 7)) >>> (32 - size);
  value = bits < 1 << (size - 1) ? bits - (1 << size) + 1 : bits;
  return at + size;
}

/** Passes over the coefficients of a block from `place` on. */
function skipCoefficients(from: number, ac: HuffmanTable, first: number): number {
  const { skip } = ac;
  const data = view;
  let at = from;
  let place = first;
  while (place < SKIP_UNTIL) {
    const step = skip[(data.getUint32(at >>> 3) << (at & 7)) >>> (32 - LOOKUP_BITS)] ?? 0;
    if (step === 0) break;
    at += step & 63;
    place += step >> 6;
  }
  while (place < 64) {
    const code = nextCode(at, ac);
    if (code === 0) return BROKEN;
    at += (code & 31) + ((code >> 5) & 15);
    place += code >> 9;
  }
  return at;
}

function grey(level: number): number {
  const rounded = Math.round(level) + 128;
  return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

/** Copies the coded data without stuffed bytes; `starts` are the places after restart markers. Undefined when no end marker follows. */
function unstuff(jpeg: Uint8Array, scan: number): { starts: number[]; end: number } | undefined {
  const data = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  if (clean.length < data.length - scan + SLACK) {
    clean = new Uint8Array(2 * (data.length - scan) + SLACK);
    view = new DataView(clean.buffer);
  }
  const starts = [0];
  let end = 0;
  for (let from = scan; ; ) {
    const mark = data.indexOf(0xff, from);
    const next = data[mark + 1];
    if (mark < 0 || next === undefined) return undefined;
    const stop = next === 0 ? mark + 1 : mark;
    end += data.copy(clean, end, from, stop);
    if (next >= 0xd0 && next <= 0xd7) starts.push(end);
    else if (next !== 0) {
      clean.fill(0, end, end + SLACK);
      return next === 0xd9 ? { starts, end } : undefined;
    }
    from = mark + 2;
  }
}

/** Without the blocks' parts beyond the picture. */
function cropped(whole: SmallGrey, width: number, height: number): SmallGrey {
  if (whole.width === width) return { width, height, pixels: whole.pixels.subarray(0, width * height) };
  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < height; row += 1) {
    pixels.set(whole.pixels.subarray(row * whole.width, row * whole.width + width), row * width);
  }
  return { width, height, pixels };
}
