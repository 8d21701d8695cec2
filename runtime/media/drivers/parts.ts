import type { CameraSettingsChange } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import { findProgram } from '../auto.ts';
import { sayHowToInstall } from '../ffmpeg.ts';
import type { NewestPictureOptions } from '../newest-picture.ts';

/** What every driver is handed; programs are named here so that tests and unusual machines can bring their own. */
export interface DriverParts {
  clock: Clock;
  log: Log;
  /** the program, found in PATH unless it is a path */
  ffmpegPath: string;
  /** names under which the Raspberry Pi's video program is looked for, the first one found is taken */
  rpicamVid: readonly string[];
  /** how long a camera service may take for an answer, ms (SERVICE_TIMEOUT) */
  serviceTimeoutMs?: number | undefined;
  /** throws for an address that must not be reached; for where a camera sends us on */
  checkUrl?: ((url: string) => Promise<void>) | undefined;
  /** sets a USB camera's exposure and gain; default: `v4l2-ctl`, from PATH */
  v4l2Ctl?: string;
  /** how the camera was set through Redeye */
  settings?: CameraSettingsChange;
  random?: () => number;
  limits?: NewestPictureOptions['limits'];
}

export const RPICAM_VID = ['rpicam-vid', 'libcamera-vid'] as const;

/** Throws `process.missing` with what to install when there is no ffmpeg. */
export async function findFfmpeg(ffmpegPath: string): Promise<void> {
  if (await findProgram([ffmpegPath])) return;
  throw sayHowToInstall(new AppError('process.missing', `${ffmpegPath} is not installed`));
}
