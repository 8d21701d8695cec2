import type { IncomingMessage } from 'node:http';
import { AppError } from '../../contracts/errors.ts';
import { CAPTURE_NONCE_HEADER, type PictureDesk, PictureMeta } from '../../contracts/gallery.ts';
import type { KnownDevice } from '../../contracts/services.ts';
import { checkStorable } from '../../lib/storable.ts';
import { parser } from '../../lib/validate.ts';
import { malformed } from './multipart.ts';
import type { ReadJpegHeader } from './parse-frame.ts';

const parseMeta = parser(PictureMeta, 'frame.malformed');

/**
 * A picture that a device was asked for. Its nonce is used up before the body is read; whatever is wrong with it then, whoever waits is
 * told at once. Answers the image's id once it is durable.
 */
export async function takePicture(
  req: IncomingMessage,
  device: KnownDevice,
  desk: PictureDesk,
  parts: { read: () => Promise<{ meta: unknown; image: Buffer }>; readJpegHeader: ReadJpegHeader },
): Promise<number> {
  const nonce = req.headers[CAPTURE_NONCE_HEADER];
  const ticket = desk.claim(device.id, typeof nonce === 'string' ? nonce : '');
  let picture: { jpeg: Buffer; meta: PictureMeta };
  try {
    const { meta, image } = await parts.read();
    picture = { jpeg: image, meta: checked(meta, image, ticket.camera, parts.readJpegHeader) };
  } catch (error) {
    ticket.fail(error);
    throw error;
  }
  return ticket.deliver(picture);
}

function checked(sent: unknown, image: Buffer, camera: string, readJpegHeader: ReadJpegHeader): PictureMeta {
  const meta = parseMeta(sent);
  if (meta.camera !== camera)
    throw new AppError('camera.foreign', `a picture of ${camera} was asked for`, { field: 'camera' });
  checkStorable(meta, 'meta', 'frame.malformed');
  const size = readJpegHeader(image);
  for (const side of ['width', 'height'] as const) {
    if (meta[side] === size[side]) continue;
    throw malformed(`${side} is said to be ${meta[side]}, but the JPEG's is ${size[side]}`, side);
  }
  return meta;
}
