import sharp from 'sharp';
import type { CaptureOptions } from '../contracts/cameras.ts';
import { AppError } from '../contracts/errors.ts';
import type { Picture } from './driver.ts';
import { readJpegHeader } from './jpeg-header.ts';

/** Estimates from a JPEG's table differ by this much between encoders; nearer than that is as asked. */
const QUALITY_SLACK = 6;

/** The largest size inside the asked box with the same proportions; never larger than the picture is. */
export function fitSize(width: number, height: number, box: CaptureOptions): { width: number; height: number } {
  const share = Math.min(1, (box.width ?? width) / width, (box.height ?? height) / height);
  return { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) };
}

/**
 * Brings a JPEG to the asked size and quality. One that already fits passes untouched: nothing is encoded twice without need, and
 * never to a higher quality, which would only add bytes. Throws `camera.no_picture` when the bytes are no JPEG.
 */
export async function fitJpeg(jpeg: Buffer, capturedAt: number, options: CaptureOptions): Promise<Picture> {
  const header = readJpegHeader(jpeg);
  if (!header) throw new AppError('camera.no_picture', 'the camera gave something that is no JPEG');
  const size = fitSize(header.width, header.height, options);
  const has = header.quality ?? options.jpegQuality ?? 80;
  const wanted = options.jpegQuality ?? has;
  const asAsked = Math.abs(has - wanted) <= QUALITY_SLACK;
  const smaller = isSmaller(size.width, header.width) || isSmaller(size.height, header.height);
  if (!smaller && wanted >= has - QUALITY_SLACK) {
    return { jpeg, capturedAt, width: header.width, height: header.height, jpegQuality: asAsked ? wanted : has };
  }
  const quality = Math.min(wanted, Math.max(has, 1));
  const picture = sharp(jpeg, { failOn: 'error' }).resize(size.width, size.height, { fit: 'fill' }).jpeg({ quality });
  try {
    const { data, info } = await picture.toBuffer({ resolveWithObject: true });
    return { jpeg: data, capturedAt, width: info.width, height: info.height, jpegQuality: quality };
  } catch (cause) {
    throw new AppError('camera.no_picture', "the camera's picture is broken", {}, { cause });
  }
}

/** Scalers round to even sides; a pixel more is not worth encoding again. */
function isSmaller(wanted: number, has: number): boolean {
  return wanted < has - 1;
}
