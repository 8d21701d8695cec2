import sharp from 'sharp';
import type { GreyPicture } from '../contracts/detection.ts';
import { AppError } from '../contracts/errors.ts';
import { MAX_FRAME_PIXELS } from '../contracts/frame.ts';
import { type PlainJpeg, readPlainJpeg } from './jpeg-plain.ts';
import { decodeSmall } from './jpeg-small.ts';
import { reduce } from './reduce.ts';

/** Length of the longer side at which pictures are compared, in pixels. */
export const COMPARE_WIDTH = 160;

/** Longer JPEGs are left to a thread of sharp's: reading one of this length holds the process up for up to ten milliseconds. */
const MAX_OWN_BYTES = 1024 * 1024;

// One thread a picture: more of them only cost CPU. Nothing is decoded twice, so a cache would only hold memory.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a JPEG small and grey for comparison. The longer side becomes `width` pixels (smaller pictures are enlarged, so that
 * a camera that changes its resolution keeps its background), the other follows the aspect ratio; brightness is BT.601 luma.
 * Throws `frame.malformed` for what is not a picture, is cut short, or claims more than 50 megapixels.
 *
 * What nearly all cameras write is read by our own decoder, which does no more than a small grey picture needs; everything else, and
 * whatever is wrong with a picture, is left to sharp. Both answer the same size, and the same grey within a level or so.
 */
export async function decodeGrey(jpeg: Uint8Array, options: { width?: number } = {}): Promise<GreyPicture> {
  const side = options.width ?? COMPARE_WIDTH;
  const plain = readPlainJpeg(jpeg);
  const own = plain && decodePlain(jpeg, plain, side);
  return own ?? (await decodeAny(jpeg, side, plain && sizeOf(plain, side)));
}

/** By our own decoder; undefined where that does not do. */
export function decodePlain(jpeg: Uint8Array, plain: PlainJpeg, side: number): GreyPicture | undefined {
  if (jpeg.length > MAX_OWN_BYTES || plain.width * plain.height > MAX_FRAME_PIXELS) return undefined;
  const longer = Math.max(plain.width, plain.height);
  const shrink = longer >= 8 * side ? 8 : longer >= 4 * side ? 4 : undefined;
  const small = shrink && decodeSmall(jpeg, plain, shrink === 8 ? 'eighth' : 'quarter');
  if (!small) return undefined;
  const { width, height } = sizeOf(plain, side);
  const covered = { width: plain.width / shrink, height: plain.height / shrink };
  return { width, height, pixels: reduce(small, covered, width, height) };
}

/**
 * By sharp; throws `frame.malformed`. Without a size it is sharp's, which rounds otherwise: a camera must not lose its background
 * because one of its pictures was longer than the others.
 */
export async function decodeAny(
  jpeg: Uint8Array,
  side: number,
  size?: { width: number; height: number },
): Promise<GreyPicture> {
  try {
    const { data, info } = await sharp(jpeg, { failOn: 'truncated', limitInputPixels: MAX_FRAME_PIXELS })
      .resize(size?.width ?? side, size?.height ?? side, { fit: size ? 'fill' : 'inside', kernel: 'linear' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: luma(data, info.width * info.height, info.channels) };
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new AppError('frame.malformed', `the picture cannot be decoded: ${why}`, { field: 'image' }, { cause });
  }
}

function sizeOf({ width, height }: PlainJpeg, side: number): { width: number; height: number } {
  const scale = side / Math.max(width, height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Brightness from interleaved channels: 77, 150 and 29 are the BT.601 shares of red, green and blue in 1/256. */
function luma(data: Uint8Array, count: number, channels: number): Uint8Array {
  const pixels = new Uint8Array(count);
  for (let i = 0, at = 0; i < count; i += 1, at += channels) {
    const first = data[at] ?? 0;
    pixels[i] = channels < 3 ? first : (first * 77 + (data[at + 1] ?? 0) * 150 + (data[at + 2] ?? 0) * 29) >> 8;
  }
  return pixels;
}
