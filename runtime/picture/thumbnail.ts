import sharp from 'sharp';
import { MAX_FRAME_PIXELS } from '../contracts/frame.ts';

/** Width of a thumbnail in pixels; a smaller picture keeps its own. */
export const THUMBNAIL_WIDTH = 320;
const QUALITY = 75;

// One decoder thread: the pictures are many and small, and the machine has other work.
sharp.concurrency(1);

/**
 * Makes a small JPEG of a picture, upright as its EXIF says and without metadata. Throws sharp's error for what cannot be decoded
 * and for more than 50 megapixels (judged by the header).
 */
export async function makeThumbnail(jpeg: Buffer): Promise<{ jpeg: Buffer; width: number; height: number }> {
  const { data, info } = await sharp(jpeg, { limitInputPixels: MAX_FRAME_PIXELS, failOn: 'error' })
    .autoOrient()
    .resize({ width: THUMBNAIL_WIDTH, withoutEnlargement: true })
    .jpeg({ quality: QUALITY })
    .toBuffer({ resolveWithObject: true });
  return { jpeg: data, width: info.width, height: info.height };
}
