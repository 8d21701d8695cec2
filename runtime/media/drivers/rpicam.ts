import type { CameraSettingsChange, CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import { findProgram } from '../auto.ts';
import type { Tuning } from '../capture-demand.ts';
import type { DriverStatus, Picture, SettingsFace, StillDriver } from '../driver.ts';
import { NewestPicture } from '../newest-picture.ts';
import { fitJpeg } from '../picture-fit.ts';
import type { Launch } from '../picture-process.ts';
import { fastest, rpicamLight, rpicamRate, rpicamSettings } from '../rpicam-settings.ts';
import type { DriverParts } from './parts.ts';

/** Exposure and white balance find themselves in about a second. */
const SETTLE_MS = 1000;
const DEFAULT_QUALITY = 80;

/**
 * The Raspberry Pi's own camera by a long-running rpicam-vid that writes MJPEG. rpicam-still would start the camera anew for each
 * picture: two seconds, and an exposure that jumps from one still to the next, which a comparison of pictures reads as a change.
 */
export class RpicamDriver implements StillDriver {
  readonly kind = 'rpicam';
  readonly control: SettingsFace;
  readonly #index: number;
  readonly #parts: DriverParts;
  #pictures: NewestPicture | undefined;

  constructor(index: number, parts: DriverParts) {
    this.#index = index;
    this.#parts = parts;
    this.control = rpicamSettings(parts.settings ?? {});
  }

  /** Throws `process.missing` when neither name of the program is installed. */
  async open(): Promise<void> {
    if (this.#pictures) return;
    const command = await findProgram(this.#parts.rpicamVid);
    if (!command) {
      const names = this.#parts.rpicamVid.join(' nor ');
      const how = `neither ${names} is installed: "apt install rpicam-apps-lite" on Raspberry Pi OS brings it`;
      throw new AppError('process.missing', how);
    }
    this.#pictures = new NewestPicture({
      ...this.#parts,
      launch: (tuning) => launchRpicam(command, this.#index, tuning, this.#parts.settings ?? {}),
      explain: (stderr) => `no picture from rpicam:${this.#index}: ${explainRpicam(stderr)}`,
      tunable: true,
      limits: { settleMs: SETTLE_MS, ...this.#parts.limits },
    });
  }

  async capture(options: CaptureOptions, signal?: AbortSignal): Promise<Picture> {
    if (!this.#pictures) throw new AppError('camera.unreachable', 'the camera has not been opened');
    const picture = await this.#pictures.take(options, signal);
    return fitJpeg(picture.jpeg, picture.shownAt, options);
  }

  status(): DriverStatus {
    return this.#pictures?.status() ?? { state: 'idle' };
  }

  async close(): Promise<void> {
    await this.#pictures?.close();
  }
}

function launchRpicam(command: string, index: number, tuning: Tuning, set: CameraSettingsChange): Launch {
  const usual = rpicamRate(set);
  const shape = usual.width / usual.height;
  const width = tuning.width ?? (tuning.height ? tuning.height * shape : usual.width);
  const height = tuning.height ?? width / shape;
  const size = ['--width', `${even(width)}`, '--height', `${even(height)}`];
  const rate = [
    '--framerate',
    `${Math.min(tuning.fps, fastest(set.exposure))}`,
    '--quality',
    `${tuning.jpegQuality ?? DEFAULT_QUALITY}`,
  ];
  const run = ['--camera', `${index}`, '--timeout', '0', '--nopreview', '--codec', 'mjpeg'];
  return { command, args: [...run, ...size, ...rate, ...rpicamLight(set), '--flush', '--output', '-'] };
}

function even(pixels: number): number {
  return 2 * Math.round(pixels / 2);
}

const WORDS: [RegExp, string][] = [
  [/no cameras available/i, 'no camera is connected (check the ribbon cable with the Pi switched off)'],
  [/camera.*out of range|selected camera is not available/i, 'there is no camera of this number'],
  [/in use by another process|Device or resource busy|failed to acquire camera/i, 'another program holds the camera'],
  [/device timeout/i, 'the camera has stopped answering (check the ribbon cable)'],
];

/** rpicam-vid's last words as a reason for people. */
export function explainRpicam(stderr: string): string {
  for (const [pattern, words] of WORDS) if (pattern.test(stderr)) return words;
  const last = stderr.split('\n').at(-1)?.trim();
  return last ? `rpicam-vid ended: ${last.slice(0, 200)}` : 'rpicam-vid ended';
}
