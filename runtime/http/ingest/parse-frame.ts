import { isUtf8 } from 'node:buffer';
import { AppError } from '../../contracts/errors.ts';
import { FrameMeta } from '../../contracts/frame.ts';
import type { IncomingFrame, KnownDevice } from '../../contracts/services.ts';
import { checkStorable } from '../../lib/storable.ts';
import { parser } from '../../lib/validate.ts';
import { parseCaptureTime } from './capture-time.ts';
import { checkOwn, foldCase } from './device-claims.ts';
import { malformed } from './multipart.ts';

const NOT_BASE64 = /[^A-Za-z0-9+/]/;
const parseMeta = parser(FrameMeta, 'frame.malformed');

/** Reads the size from a JPEG's header and refuses what is no whole JPEG (`runtime/picture`). */
export type ReadJpegHeader = (bytes: Buffer) => { width: number; height: number };

/**
 * Makes a frame from what a device sent, or throws: `frame.malformed` with the field, `frame.too_large`, `device.foreign` and
 * `camera.foreign` when the frame is said to come from somebody else's device or camera.
 */
export function parseFrame(
  sent: { meta: unknown; image: Buffer },
  device: KnownDevice,
  readJpegHeader: ReadJpegHeader,
): IncomingFrame {
  if (typeof sent.meta !== 'object' || sent.meta === null || Array.isArray(sent.meta)) {
    throw malformed('meta must be a JSON object', 'meta');
  }
  const meta = known(parseMeta(foldCase(sent.meta, ['device_id', 'camera'])));
  checkOwn(device, meta.device_id);
  const camera = meta.camera ?? device.cameras[0];
  if (camera === undefined || !device.cameras.includes(camera)) {
    const what = camera === undefined ? `device ${device.id} has no camera` : `${camera} is no camera of ${device.id}`;
    throw new AppError('camera.foreign', what, { field: 'camera' });
  }
  for (const field of ['fw_version', 'notes'] as const) {
    checkStorable(meta[field], field, 'frame.malformed');
  }
  const capturedAt = parseCaptureTime(meta.capture_ts);
  const size = readJpegHeader(sent.image);
  for (const side of ['width', 'height'] as const) {
    if (meta[side] === size[side]) continue;
    throw malformed(`${side} is said to be ${meta[side]}, but the JPEG's is ${size[side]}`, side);
  }
  return { device: device.id, camera, meta, capturedAt, jpeg: sent.image };
}

/** Reads JSON text in UTF-8; throws `frame.malformed` about the field. */
export function parseJson(bytes: Buffer, field: string): unknown {
  try {
    // A decoder that refuses what is no UTF-8 costs three times as much as this check.
    if (!isUtf8(bytes)) throw new TypeError('not UTF-8');
    // Decoders leave a byte order mark out (Encoding Standard §8); JSON.parse would stumble over it.
    const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    return JSON.parse(bytes.toString('utf8', start));
  } catch (cause) {
    throw new AppError('frame.malformed', `${field} is not valid JSON in UTF-8`, { field }, { cause });
  }
}

/** The JSON dialect: `{...meta, image_b64}` or `{meta, image_b64}`, base64 with or without the head of a data URL. */
export function fromJsonBody(body: unknown): { meta: unknown; image: Buffer } {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw malformed('the body must be a JSON object');
  const { image_b64, meta } = body as { image_b64?: unknown; meta?: unknown };
  if (typeof image_b64 !== 'string') throw malformed('image_b64 is missing', 'image_b64');
  return { meta: meta === undefined ? body : meta, image: decodeBase64(image_b64) };
}

function decodeBase64(text: string): Buffer {
  const comma = text.startsWith('data:') ? text.slice(0, 200).indexOf(',') + 1 : 0;
  const plain = text.slice(comma);
  // Line breaks are common and harmless; whatever else is not base64, Node would leave out without a word.
  const packed = (/\s/.test(plain) ? plain.replace(/\s+/g, '') : plain).replace(/={1,2}$/, '');
  if (packed.length < 2 || NOT_BASE64.test(packed)) throw malformed('image_b64 is not valid base64', 'image_b64');
  return Buffer.from(packed, 'base64');
}

/** Only the fields of the contract; the rest is dropped. */
function known(meta: FrameMeta): FrameMeta {
  const clean: Record<string, unknown> = {};
  for (const name of Object.keys(FrameMeta.properties)) {
    if (Object.hasOwn(meta, name)) clean[name] = (meta as Record<string, unknown>)[name];
  }
  return clean as FrameMeta;
}
