import type { CaptureOptions } from '../../contracts/cameras.ts';
import type { Tuning } from '../capture-demand.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { explainFfmpeg, FFMPEG_QUIET, jpegOutput } from '../ffmpeg.ts';
import { NewestPicture } from '../newest-picture.ts';
import { fitJpeg } from '../picture-fit.ts';
import type { Launch } from '../picture-process.ts';
import { rtspInput } from '../rtsp-input.ts';
import { type DriverParts, findFfmpeg } from './parts.ts';

/** An IP camera over RTSP. */
export class RtspDriver implements StillDriver {
  readonly kind = 'rtsp';
  readonly #parts: DriverParts;
  readonly #pictures: NewestPicture;

  constructor(url: string, parts: DriverParts) {
    this.#parts = parts;
    this.#pictures = new NewestPicture({
      launch: (tuning) => launchRtsp(parts.ffmpegPath, url, tuning),
      explain: (stderr) => `no picture from ${new URL(url).host}: ${explainFfmpeg(stderr)}`,
      tunable: true,
      ...parts,
    });
  }

  /** Throws `process.missing` without ffmpeg; the camera itself is asked at the first capture. */
  async open(): Promise<void> {
    await findFfmpeg(this.#parts.ffmpegPath);
  }

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
}

function launchRtsp(command: string, url: string, tuning: Tuning): Launch {
  const { args, input } = rtspInput(url, 'video');
  return { command, args: [...FFMPEG_QUIET, '-threads', '2', ...args, ...jpegOutput(tuning)], input };
}
