import { AppError } from '../contracts/errors.ts';
import { MAX_FRAME_PIXELS } from '../contracts/frame.ts';

export interface JpegHeader {
  width: number;
  height: number;
}

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const END_OF_IMAGE = Buffer.from([0xff, EOI]);

/** Frame headers that cameras write: baseline, extended, progressive (ITU-T T.81 table B.1). */
const READABLE_FRAMES = [0xc0, 0xc1, 0xc2];
/** Frame headers of lossless, hierarchical and arithmetic pictures. */
const OTHER_FRAMES = [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];

/**
 * Reads width and height from a JPEG without decoding it, and checks that it is whole: markers in order, one frame of 8 bit with
 * 1, 3 or 4 components, a scan, and the end-of-image marker as its last bytes. Zero bytes behind that marker are tolerated, since
 * camera firmware pads its buffers with them; nothing else is. Throws `frame.malformed` with a sentence, or `frame.too_large` over
 * 50 megapixels. Source: ITU-T T.81 annex B.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < 4 || data.readUInt16BE(0) !== 0xff00 + SOI) refuse(`not a JPEG: ${kindOf(data)}`);
  let header: (JpegHeader & { marker: number }) | undefined;
  let at = 2;
  for (;;) {
    const { marker, start, end } = segmentAt(data, at);
    if (marker === SOI || marker === EOI) refuse('the JPEG has no picture data');
    if (OTHER_FRAMES.includes(marker))
      refuse('the JPEG is of a kind that is not taken (lossless or arithmetic coding)');
    if (READABLE_FRAMES.includes(marker)) {
      if (header) refuse('the JPEG holds more than one frame header');
      header = { marker, ...frameOf(data.subarray(start, end)) };
    }
    at = end;
    if (marker === SOS) break;
  }
  if (!header) refuse('the JPEG has no frame header');
  const scanBytes = endOfPicture(data, at) - at;
  if (scanBytes < leastScanBytes(header)) refuse('the JPEG has too few bytes for the size it claims');
  return { width: header.width, height: header.height };
}

/** The marker at this position and where the content of its segment begins and ends; stand-alone markers have none. */
function segmentAt(data: Buffer, at: number): { marker: number; start: number; end: number } {
  let position = at;
  if (data[position] !== 0xff)
    refuse(position >= data.length ? 'the JPEG is truncated' : 'the JPEG has a broken marker');
  while (data[position] === 0xff) position += 1;
  const marker = data[position];
  if (marker === undefined) refuse('the JPEG is truncated');
  if (marker === 0) refuse('the JPEG has a broken marker');
  const start = position + 1;
  if (isStandAlone(marker)) return { marker, start, end: start };
  if (start + 2 > data.length) refuse('the JPEG is truncated');
  const length = data.readUInt16BE(start);
  if (length < 2) refuse('the JPEG has a segment with an impossible length');
  if (start + length > data.length) refuse('the JPEG is truncated');
  return { marker, start: start + 2, end: start + length };
}

function isStandAlone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= EOI);
}

function frameOf(content: Buffer): JpegHeader {
  if (content.length < 6) refuse('the JPEG has a broken frame header');
  const precision = content.readUInt8(0);
  const height = content.readUInt16BE(1);
  const width = content.readUInt16BE(3);
  const components = content.readUInt8(5);
  if (precision !== 8) refuse(`the JPEG has ${precision} bits per sample; 8 are taken`);
  if (![1, 3, 4].includes(components)) refuse(`the JPEG has ${components} colour components; 1, 3 or 4 are taken`);
  if (content.length !== 6 + 3 * components) refuse('the JPEG has a broken frame header');
  if (width === 0 || height === 0) refuse('the JPEG claims a width or height of 0');
  if (width * height > MAX_FRAME_PIXELS) {
    throw new AppError('frame.too_large', `the picture is ${width}x${height}; at most 50 megapixels are taken`, {
      field: 'image',
    });
  }
  return { width, height };
}

/** Where the end-of-image marker stands: it must close the file. */
function endOfPicture(data: Buffer, scan: number): number {
  let last = data.length - 1;
  while (last > scan && data[last] === 0) last -= 1;
  const end = last - 1;
  if (end < scan || data[end] !== 0xff || data[last] !== EOI) refuse('the JPEG is truncated: it has no end marker');
  // Coded data never holds FF D9, so the first one is the end, unless it lies inside a segment between two scans.
  const first = data.indexOf(END_OF_IMAGE, scan);
  const found = first === end ? end : walkScans(data, scan);
  if (found !== end) refuse('something follows the end of the JPEG');
  return end;
}

/** Walks coded data and the segments between scans up to the end-of-image marker. */
function walkScans(data: Buffer, scan: number): number {
  let at = scan;
  for (;;) {
    at = data.indexOf(0xff, at);
    const next = at < 0 ? undefined : data[at + 1];
    if (next === undefined) refuse('the JPEG is truncated: it has no end marker');
    if (next === EOI) return at;
    if (next === SOI) refuse('the file holds more than one JPEG');
    if (next === 0xff) at += 1;
    else if (next === 0 || isStandAlone(next)) at += 2;
    else at = segmentAt(data, at).end;
  }
}

/** A sequential picture spends at least two bits on each block of 8x8 (one code each for DC and end of block). */
function leastScanBytes(header: JpegHeader & { marker: number }): number {
  if (header.marker === 0xc2) return 1;
  return Math.ceil((Math.ceil(header.width / 8) * Math.ceil(header.height / 8) * 2) / 8);
}

function kindOf(data: Buffer): string {
  if (data.length === 0) return 'it is empty';
  const head = data.subarray(0, 16).toString('latin1');
  if (head.startsWith('\x89PNG')) return 'it is a PNG';
  if (head.startsWith('GIF8')) return 'it is a GIF';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'it is a WebP';
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return 'it is a TIFF';
  if (head.slice(4, 8) === 'ftyp') return 'it is a HEIC, AVIF or MP4';
  return 'it does not begin with FF D8';
}

function refuse(sentence: string): never {
  throw new AppError('frame.malformed', sentence, { field: 'image' });
}
