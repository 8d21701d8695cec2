/** What a JPEG says of itself before its first pixel. */
export interface JpegHeader {
  width: number;
  height: number;
  /** 1–100 on libjpeg's scale, estimated from the luminance table; undefined without one */
  quality?: number;
}

const SOI = 0xd8;
const SOS = 0xda;
const DQT = 0xdb;
/** Sum of the luminance table of ITU T.81 annex K.1, which libjpeg scales by its quality setting. */
const STANDARD_LUMINANCE_SUM = 3688;

/** Reads size and quality from the segments in front of the picture data; undefined when this is no JPEG. */
export function readJpegHeader(jpeg: Uint8Array): JpegHeader | undefined {
  if (jpeg[0] !== 0xff || jpeg[1] !== SOI) return undefined;
  let quality: number | undefined;
  let at = 2;
  while (at + 4 <= jpeg.length) {
    if (jpeg[at] !== 0xff) return undefined;
    const marker = jpeg[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = word(jpeg, at + 2);
    if (marker === SOS || length < 2) return undefined;
    if (marker === DQT) quality ??= qualityOf(jpeg.subarray(at + 4, at + 2 + length));
    if (isFrameHeader(marker)) {
      const [height, width] = [word(jpeg, at + 5), word(jpeg, at + 7)];
      if (at + 9 > jpeg.length || width === 0 || height === 0) return undefined;
      return quality === undefined ? { width, height } : { width, height, quality };
    }
    at += 2 + length;
  }
  return undefined;
}

/** SOF0…SOF15 without DHT, JPG and DAC, which share the range. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function qualityOf(tables: Uint8Array): number | undefined {
  const wide = (tables[0] ?? 0) >> 4 === 1;
  const size = wide ? 128 : 64;
  if (tables.length < 1 + size) return undefined;
  let sum = 0;
  for (let i = 0; i < 64; i++) sum += wide ? word(tables, 1 + 2 * i) : (tables[1 + i] ?? 0);
  // libjpeg: the table times (200 - 2q) % from 50 up, times 5000 / q % below.
  const percent = (100 * sum) / STANDARD_LUMINANCE_SUM;
  const quality = percent <= 100 ? (200 - percent) / 2 : 5000 / percent;
  return Math.max(1, Math.min(100, Math.round(quality)));
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}
