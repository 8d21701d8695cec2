import type { CaptureOptions } from '../../contracts/cameras.ts';
import type { Tuning } from '../capture-demand.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { explainFfmpeg, FFMPEG_QUIET, jpegOutput } from '../ffmpeg.ts';
import { NewestPicture } from '../newest-picture.ts';
import { fitJpeg } from '../picture-fit.ts';
import type { Launch } from '../picture-process.ts';
import { type DriverParts, findFfmpeg } from './parts.ts';

const PROTOCOLS = 'pipe,rtsp,rtsps,rtp,tcp,tls,crypto';
/** ffmpeg's own patience with a socket, in µs; ours is shorter once pictures have come. */
const SOCKET_US = 10_000_000;

/**
 * An IP camera over RTSP, pictures by TCP (UDP loses packets and shows grey blocks). ffmpeg reads the address from its standard
 * input as a one-line play list, so that a password stands in no list of processes.
 */
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
  const list = [
    'ffconcat version 1.0',
    `file '${url.replaceAll("'", "'\\''")}'`,
    'option rtsp_transport tcp',
    'option allowed_media_types video',
    // Guessing the frame rate would cost 1.5 s before the first picture.
    'option fpsprobesize 0',
    `option timeout ${SOCKET_US}`,
  ];
  const input = ['-protocol_whitelist', PROTOCOLS, '-f', 'concat', '-safe', '0', '-i', 'pipe:0'];
  const decode = ['-threads', '2', '-fflags', 'nobuffer'];
  return {
    command,
    args: [...FFMPEG_QUIET, ...decode, ...input, ...jpegOutput(tuning)],
    input: `${list.join('\n')}\n`,
  };
}
