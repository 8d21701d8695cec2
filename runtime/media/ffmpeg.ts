import { AppError, toAppError } from '../contracts/errors.ts';
import { maskUrl } from './camera-url.ts';
import type { Tuning } from './capture-demand.ts';

const DEFAULT_QUALITY = 80;

/** In front of every input: quiet, no questions, no terminal. */
export const FFMPEG_QUIET = ['-hide_banner', '-nostdin', '-nostats', '-loglevel', 'error'];

/**
 * Without it ffmpeg counts in what it takes for the camera's rate, as 25 a second where nothing tells it: two pictures that come close
 * together get the same number then, and it ends with an error.
 */
const FINE_CLOCK = ['-enc_time_base', '1:1000'];

/**
 * Output arguments for JPEGs on standard output at the tuning's rate, size and quality. `select` lets the first picture pass
 * that is due, so nothing waits for its successor, as it would in the fps filter. `select` is another choice, as ffmpeg's expression.
 */
export function jpegOutput(tuning: Tuning, select = selectDue(tuning.fps)): string[] {
  const filters = [`select=${select.replaceAll(',', '\\,')}`];
  const { width, height } = tuning;
  if (width !== undefined || height !== undefined) {
    const box = [width ? `w=min(iw\\,${width})` : 'w=iw', height ? `h=min(ih\\,${height})` : 'h=ih'].join(':');
    filters.push(`scale=${box}:force_original_aspect_ratio=decrease:force_divisible_by=2`);
  }
  const quality = ffmpegQuality(tuning.jpegQuality ?? DEFAULT_QUALITY);
  const encode = ['-pix_fmt', 'yuvj420p', '-c:v', 'mjpeg', '-q:v', `${quality}`, '-threads:v', '1'];
  const pipe = ['-fps_mode', 'passthrough', ...FINE_CLOCK, '-flush_packets', '1', '-f', 'image2pipe', 'pipe:1'];
  return ['-map', '0:v:0', '-an', '-sn', '-dn', '-vf', filters.join(','), ...encode, ...pipe];
}

/** A picture after at least that time. 3 % early: a camera's 200 ms are sometimes 199. */
function selectDue(fps: number): string {
  return `isnan(prev_selected_t)+gte(t-prev_selected_t,${(0.97 / fps).toFixed(4)})`;
}

/** ffmpeg's scale runs from 2 (best) to 31; its tables were compared with libjpeg's: quality = 100 - 3.5 q within 3 points. */
function ffmpegQuality(jpegQuality: number): number {
  return Math.max(2, Math.min(31, Math.round((100 - jpegQuality) / 3.5)));
}

const WORDS: [RegExp, string][] = [
  [/401 Unauthorized|authorization failed/i, 'it refuses the user name or password (401)'],
  [/403 Forbidden/i, 'it forbids the access (403)'],
  [/404 (Stream )?Not Found/i, 'it has no such path (404)'],
  [/Connection refused/i, 'nothing answers at that address and port (connection refused)'],
  [/No route to host|Network is unreachable/i, 'there is no way to that address through the network'],
  [/Failed to resolve hostname|Name or service not known/i, 'its host name is not known'],
  [/timed out|Operation timed out/i, 'it does not answer in time'],
  [/No such file or directory/i, 'it is not there'],
  [/No such device|Inappropriate ioctl/i, 'there is no such device'],
  [/Permission denied/i, 'it may not be read (for a camera: add the user to the group "video")'],
  [/Device or resource busy/i, 'another program holds it'],
  [/moov atom not found|Invalid data found|could not find codec|Error opening input: Invalid/i, 'it is no video'],
  [/matches no streams|does not contain any stream/i, 'it holds no picture'],
  [/not in (allowed|white)|whitelist/i, 'it is of a kind that is not taken'],
];

/** ffmpeg's last words as a reason for people; never with a password. */
export function explainFfmpeg(stderr: string): string {
  for (const [pattern, words] of WORDS) if (pattern.test(stderr)) return words;
  const last = maskUrl(stderr).split('\n').at(-1)?.trim();
  return last ? `ffmpeg ended: ${last.slice(0, 200)}` : 'the stream ended';
}

/** Says how ffmpeg is installed, when that is what is wrong. */
export function sayHowToInstall(thrown: unknown): AppError {
  const error = toAppError(thrown);
  if (error.code !== 'process.missing') return error;
  const how = 'ffmpeg is not installed: "apt install ffmpeg" brings it (or name it in FFMPEG_PATH)';
  return new AppError('process.missing', how, error.details, { cause: thrown });
}
