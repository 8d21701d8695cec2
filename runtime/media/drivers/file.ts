import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import { run } from '../../lib/child-process.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { explainFfmpeg, FFMPEG_QUIET, jpegOutput, sayHowToInstall } from '../ffmpeg.ts';
import { NewestPicture } from '../newest-picture.ts';
import { fitJpeg } from '../picture-fit.ts';
import type { DriverParts } from './parts.ts';

/** What a clip may be: formats that hold their pictures themselves, none that name other files or addresses. */
export const CLIP_FORMATS = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,h264,hevc,asf,mjpeg,gif,dv';
const PROBE_MS = 10_000;

/**
 * Plays a clip over and over in real time, as if it were a camera: the still is the picture at (time since open) modulo the clip's
 * length, also when nobody looked for a while. One decoder serves all captures.
 */
export class FileDriver implements StillDriver {
  readonly kind = 'file';
  readonly #path: string;
  readonly #parts: DriverParts;
  readonly #pictures: NewestPicture;
  #durationMs: number | undefined;
  #openedMs: number | undefined;

  constructor(path: string, parts: DriverParts) {
    this.#path = path;
    this.#parts = parts;
    this.#pictures = new NewestPicture({
      launch: (tuning) => ({ command: parts.ffmpegPath, args: [...this.#input(), ...jpegOutput(tuning)] }),
      explain: (stderr) => this.#say(explainFfmpeg(stderr)),
      tunable: true,
      ...parts,
    });
  }

  /** Throws `camera.unreachable` when the clip is missing or no video, `process.missing` without ffmpeg. */
  async open(): Promise<void> {
    const file = await stat(this.#path).catch((cause: unknown) => {
      throw new AppError('camera.unreachable', this.#say('it is not there'), {}, { cause });
    });
    if (!file.isFile()) throw new AppError('camera.unreachable', this.#say('it is not a file'));
    this.#durationMs = await this.#probe();
    this.#openedMs ??= this.#parts.clock.monotonicMs();
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

  /** The same clip at the place where it would be had it never stopped playing. */
  #input(): string[] {
    const playedMs = this.#parts.clock.monotonicMs() - (this.#openedMs ?? this.#parts.clock.monotonicMs());
    const atMs = this.#durationMs ? playedMs % this.#durationMs : 0;
    const seek = atMs > 0 ? ['-ss', (atMs / 1000).toFixed(3)] : [];
    const play = ['-re', '-stream_loop', '-1', ...seek, '-threads', '2'];
    return [...FFMPEG_QUIET, ...play, ...this.#source()];
  }

  #source(): string[] {
    return ['-protocol_whitelist', 'file', '-format_whitelist', CLIP_FORMATS, '-i', `file:${this.#path}`];
  }

  /** ffmpeg with an input and no output tells what it sees, then ends with 1: that end is the answer. */
  async #probe(): Promise<number | undefined> {
    const { ffmpegPath } = this.#parts;
    const args = ['-hide_banner', '-nostdin', ...this.#source()];
    const limits = { timeoutMs: PROBE_MS, maxOutputBytes: 1024 };
    const stderr = await run({ command: ffmpegPath, args, ...limits }).then(
      () => '',
      (error: unknown) => {
        if (error instanceof AppError && typeof error.details.stderr === 'string') return error.details.stderr;
        throw sayHowToInstall(error);
      },
    );
    if (!/Stream #\d.*: Video: /.test(stderr)) {
      const why = /Stream #\d|Input #0/.test(stderr) ? 'it holds no picture' : explainFfmpeg(stderr);
      throw new AppError('camera.unreachable', this.#say(why));
    }
    const [, hours = '0', minutes = '0', seconds = '0'] = /Duration: (\d+):(\d+):(\d+\.\d+)/.exec(stderr) ?? [];
    const durationMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
    return durationMs > 0 ? durationMs : undefined;
  }

  #say(why: string): string {
    return `the clip ${basename(this.#path)} cannot be played: ${why}`;
  }
}
