import type { IncomingMessage } from 'node:http';
import { AppError } from '../../contracts/errors.ts';
import {
  CAPTURE_NONCE_HEADER,
  MOST_ASKED_CHARS,
  OwnPictureMeta,
  type PictureDesk,
  PictureMeta,
  UPLOAD_KEY_HEADER,
  UPLOAD_KEY_PATTERN,
} from '../../contracts/gallery.ts';
import type { KnownDevice } from '../../contracts/services.ts';
import { checkStorable } from '../../lib/storable.ts';
import { parser } from '../../lib/validate.ts';
import { malformed } from './multipart.ts';
import type { ReadJpegHeader } from './parse-frame.ts';

const parseMeta = parser(PictureMeta, 'frame.malformed');
const parseOwnMeta = parser(OwnPictureMeta, 'frame.malformed');
const UPLOAD_KEY = new RegExp(UPLOAD_KEY_PATTERN);

interface Parts {
  read: () => Promise<{ meta: unknown; image: Buffer }>;
  readJpegHeader: ReadJpegHeader;
}

/**
 * A picture of a device: one that it was asked for (by the nonce), or one that it took by itself (by a key of its own). Answers the
 * image's id once it is durable, and whether it was there before.
 */
export async function takePicture(
  req: IncomingMessage,
  device: KnownDevice,
  desk: PictureDesk,
  parts: Parts,
): Promise<{ image: number; duplicate: boolean }> {
  const nonce = req.headers[CAPTURE_NONCE_HEADER];
  const key = req.headers[UPLOAD_KEY_HEADER];
  if (nonce === undefined && typeof key === 'string') return takeOwn(key, device, desk, parts);
  return { image: await takeAsked(typeof nonce === 'string' ? nonce : '', device, desk, parts), duplicate: false };
}

/** The nonce is used up before the body is read; whatever is wrong with it then, whoever waits is told at once. */
async function takeAsked(nonce: string, device: KnownDevice, desk: PictureDesk, parts: Parts): Promise<number> {
  const ticket = desk.claim(device.id, nonce);
  let picture: { jpeg: Buffer; meta: PictureMeta };
  try {
    const { meta, image } = await parts.read();
    picture = { jpeg: image, meta: checked(parseMeta(meta), image, parts.readJpegHeader) };
    if (picture.meta.camera !== ticket.camera)
      throw new AppError('camera.foreign', `a picture of ${ticket.camera} was asked for`, { field: 'camera' });
  } catch (error) {
    ticket.fail(error);
    throw error;
  }
  return ticket.deliver(picture);
}

async function takeOwn(key: string, device: KnownDevice, desk: PictureDesk, parts: Parts) {
  if (!UPLOAD_KEY.test(key))
    throw new AppError('request.invalid', 'Idempotency-Key must have 16 to 64 letters, digits, - and _', {
      field: 'Idempotency-Key',
    });
  const { meta: sent, image } = await parts.read();
  const meta = checked(parseOwnMeta(sent), image, parts.readJpegHeader);
  if (!device.cameras.includes(meta.camera))
    throw new AppError('camera.foreign', `${meta.camera} is no camera of ${device.id}`, { field: 'camera' });
  if (JSON.stringify(meta.asked ?? {}).length > MOST_ASKED_CHARS) throw malformed('asked is too long', 'asked');
  return desk.keep(device.id, { key, jpeg: image, meta });
}

function checked<M extends PictureMeta>(meta: M, image: Buffer, readJpegHeader: ReadJpegHeader): M {
  checkStorable(meta, 'meta', 'frame.malformed');
  const size = readJpegHeader(image);
  for (const side of ['width', 'height'] as const) {
    if (meta[side] === size[side]) continue;
    throw malformed(`${side} is said to be ${meta[side]}, but the JPEG's is ${size[side]}`, side);
  }
  return meta;
}
