import { randomBytes } from 'node:crypto';
import { AppError } from '../contracts/errors.ts';
import type { PictureDesk, PictureMeta, PictureTicket } from '../contracts/gallery.ts';

export interface ArrivedPicture {
  jpeg: Buffer;
  meta: PictureMeta;
  /** Tells the device what became of its picture; until then its bytes stay as they are. */
  kept: (image: number) => void;
  lost: (error: unknown) => void;
}

interface Expected {
  device: string;
  camera: string;
  arrive: (picture: ArrivedPicture) => void;
  fail: (error: unknown) => void;
}

/** The pictures that devices were asked for and have yet to bring. */
export class DevicePictures implements Pick<PictureDesk, 'claim'> {
  readonly #expected = new Map<string, Expected>();

  /** Waits for a picture of this camera; `forget` ends that. The nonce is 256 random bits. */
  expect(device: string, camera: string): { nonce: string; picture: Promise<ArrivedPicture>; forget: () => void } {
    const nonce = randomBytes(32).toString('base64url');
    const picture = new Promise<ArrivedPicture>((resolve, reject) => {
      this.#expected.set(nonce, { device, camera, arrive: resolve, fail: reject });
    });
    const forget = () => {
      this.#expected.delete(nonce);
      // A device that is just bringing it must not wait for ever, nor who gave up be troubled by how it ends.
      picture.then(({ lost }) => lost(notAsked())).catch(() => undefined);
    };
    return { nonce, picture, forget };
  }

  claim(device: string, nonce: string): PictureTicket {
    const expected = this.#expected.get(nonce);
    if (expected?.device !== device) throw notAsked();
    this.#expected.delete(nonce);
    const { camera, arrive, fail } = expected;
    return {
      camera,
      fail,
      deliver: ({ jpeg, meta }) =>
        new Promise((resolve, reject) => arrive({ jpeg, meta, kept: resolve, lost: reject })),
    };
  }
}

function notAsked(): AppError {
  return new AppError('picture.not_asked', 'this picture was not asked for, or nobody waits for it any more');
}
