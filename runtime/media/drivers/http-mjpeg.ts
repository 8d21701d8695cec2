import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { lookAtPictures, reasonOf, startHttpPictures } from '../http-pictures.ts';
import { NewestPicture } from '../newest-picture.ts';
import { fitJpeg } from '../picture-fit.ts';
import type { DriverParts } from './parts.ts';

/** The address of a still is asked at most so often. */
const MOST_FPS = 15;

/** A camera that gives JPEGs at an address, as a stream (`multipart/x-mixed-replace`) or one at a time; Basic or Digest. */
export class HttpMjpegDriver implements StillDriver {
  readonly kind = 'mjpeg';
  readonly #source: { url: string; clock: DriverParts['clock']; checkUrl: DriverParts['checkUrl'] };
  readonly #pictures: NewestPicture;

  constructor(url: string, parts: DriverParts) {
    const source = { url, clock: parts.clock, checkUrl: parts.checkUrl };
    this.#source = source;
    this.#pictures = new NewestPicture({
      ...parts,
      start: ({ fps }, onPicture) => startHttpPictures({ ...source, fps: Math.min(fps, MOST_FPS) }, onPicture),
      explain: (reason) => this.#say(reason),
      tunable: false,
    });
  }

  /** Whether pictures answer there; throws `camera.unreachable` when nothing does. */
  async isThere(signal?: AbortSignal): Promise<boolean> {
    try {
      return (await lookAtPictures(this.#source, signal)) !== undefined;
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new AppError('camera.unreachable', this.#say(reasonOf(error)), {}, { cause: error });
    }
  }

  async open(): Promise<void> {}

  async capture(options: CaptureOptions, signal?: AbortSignal): Promise<Picture> {
    const picture = await this.#pictures.take(options, signal);
    return fitJpeg(picture.jpeg, picture.shownAt, options);
  }

  status(): DriverStatus {
    return this.#pictures.status();
  }

  close(): Promise<void> {
    return this.#pictures.close();
  }

  #say(reason: string): string {
    return `no picture from ${new URL(this.#source.url).host}: ${reason}`;
  }
}
