import type { CameraSettings, CameraSettingsChange, CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import { run } from '../../lib/child-process.ts';
import type { Tuning } from '../capture-demand.ts';
import type { DriverStatus, Picture, SettingsFace, StillDriver } from '../driver.ts';
import { explainFfmpeg, FFMPEG_QUIET, jpegOutput, sayHowToInstall } from '../ffmpeg.ts';
import { NewestPicture } from '../newest-picture.ts';
import { fitJpeg } from '../picture-fit.ts';
import type { Launch } from '../picture-process.ts';
import { readLight, writeLight } from '../v4l2-controls.ts';
import type { DriverParts } from './parts.ts';

/** Where a stream's rate was not set. */
export const USUAL_FPS = 30;
const FPS_RANGE = { min: 1, max: 60 };
export const V4L2_CTL = 'v4l2-ctl';
const LIST_MS = 5000;
/** A USB camera's exposure needs about a second; its first pictures are dark. */
const SETTLE_MS = 1000;
/** The most that is taken of a camera unasked: raw pictures of more than this come at 5 a second over USB 2. */
const MOST = { mjpeg: { width: 1920, height: 1080 }, raw: { width: 1280, height: 720 } };

interface Size {
  width: number;
  height: number;
}

/** What a camera can: its own JPEGs (nothing is decoded then), else raw pictures. */
interface Format {
  kind: 'mjpeg' | 'raw';
  sizes: Size[];
}

/** A USB or other Video4Linux camera. */
export class V4l2Driver implements StillDriver {
  readonly kind = 'v4l2';
  readonly control: SettingsFace;
  readonly #device: string;
  readonly #parts: DriverParts;
  #pictures: NewestPicture | undefined;

  constructor(device: string, parts: DriverParts) {
    this.#device = device;
    this.#parts = parts;
    this.control = { read: () => this.#read(), apply: (change) => this.#apply(change) };
  }

  /** Asks the camera for its formats. Throws `camera.unreachable` with the reason, `process.missing` without ffmpeg. */
  async open(): Promise<void> {
    if (this.#pictures) return;
    const format = await this.#ask();
    const { ffmpegPath, limits, settings = {} } = this.#parts;
    await writeLight(this.#v4l2Ctl, this.#device, settings);
    const usual = { ...settings.resolution };
    this.#pictures = new NewestPicture({
      ...this.#parts,
      launch: (tuning) => launchV4l2(ffmpegPath, this.#device, format, { ...usual, ...tuning }),
      explain: (stderr) => this.#say(explainFfmpeg(stderr)),
      tunable: format.kind === 'raw',
      limits: { settleMs: SETTLE_MS, ...limits },
    });
  }

  async capture(options: CaptureOptions, signal?: AbortSignal): Promise<Picture> {
    if (!this.#pictures) throw new AppError('camera.unreachable', this.#say('it has not been opened'));
    const picture = await this.#pictures.take(options, signal);
    return fitJpeg(picture.jpeg, picture.shownAt, options);
  }

  status(): DriverStatus {
    return this.#pictures?.status() ?? { state: 'idle' };
  }

  async close(): Promise<void> {
    await this.#pictures?.close();
  }

  get #v4l2Ctl(): string {
    return this.#parts.v4l2Ctl ?? V4L2_CTL;
  }

  async #read(): Promise<CameraSettings> {
    const { ffmpegPath, settings: set = {} } = this.#parts;
    const list = await listFormats(ffmpegPath, this.#device);
    const sizes = readH264Sizes(list) ?? readFormats(list)?.sizes;
    if (!sizes) throw new AppError('camera.unreachable', this.#say(explainFfmpeg(list)));
    const { exposure, gain } = await readLight(this.#v4l2Ctl, this.#device);
    return {
      ...(exposure && { exposure: exposure.value }),
      ...(gain && { gain: gain.value }),
      ...(set.resolution && { resolution: set.resolution }),
      fps: set.fps ?? USUAL_FPS,
      ranges: { ...(exposure && { exposure: exposure.range }), ...(gain && { gain: gain.range }), fps: FPS_RANGE },
      available_resolutions: sizes,
    };
  }

  /** Light is changed while it runs; size and rate only at a start. */
  async #apply(change: CameraSettingsChange): Promise<'done' | 'restart'> {
    await writeLight(this.#v4l2Ctl, this.#device, change);
    return change.resolution || change.fps !== undefined ? 'restart' : 'done';
  }

  async #ask(): Promise<Format> {
    const list = await listFormats(this.#parts.ffmpegPath, this.#device);
    const format = readFormats(list);
    if (!format) throw new AppError('camera.unreachable', this.#say(explainFfmpeg(list)));
    return format;
  }

  #say(why: string): string {
    return `no picture from ${this.#device}: ${why}`;
  }
}

/** What ffmpeg says of a camera's formats. It ends with an error then: that end is the answer. Throws `process.missing`. */
export async function listFormats(ffmpegPath: string, device: string, signal?: AbortSignal): Promise<string> {
  const args = ['-hide_banner', '-nostdin', '-f', 'v4l2', '-list_formats', 'all', '-i', device];
  const limits = { timeoutMs: LIST_MS, maxOutputBytes: 1024, signal };
  return run({ command: ffmpegPath, args, ...limits }).then(
    () => '',
    (error: unknown) => {
      if (error instanceof AppError && typeof error.details.stderr === 'string') return error.details.stderr;
      throw sayHowToInstall(error);
    },
  );
}

/** Sizes in which a camera gives H.264 of its own; undefined when it does not. */
export function readH264Sizes(list: string): Size[] | undefined {
  const [, text] = /Compressed\s*:\s*h264\s*:[^:]*:(.*)$/m.exec(list) ?? [];
  return text === undefined ? undefined : readSizes(text);
}

/** Reads lines such as `Compressed: mjpeg : Motion-JPEG : 640x480 1280x720`; MJPEG goes before raw. */
export function readFormats(list: string): Format | undefined {
  const lines = list.split('\n').map((line) => /(Raw|Compressed)\s*:\s*(\S+)\s*:[^:]*:(.*)$/.exec(line));
  const raw: Format = { kind: 'raw', sizes: [] };
  let isCamera = false;
  for (const line of lines) {
    const [, family, name, text = ''] = line ?? [];
    if (!family) continue;
    isCamera = true;
    const sizes = readSizes(text);
    if (name === 'mjpeg') return { kind: 'mjpeg', sizes };
    if (family === 'Raw' && raw.sizes.length === 0) raw.sizes = sizes;
  }
  return isCamera ? raw : undefined;
}

function readSizes(text: string): Size[] {
  return [...text.matchAll(/(\d+)x(\d+)/g)].map(([, w, h]) => ({ width: Number(w), height: Number(h) }));
}

/** The smallest size that covers what is asked; the largest within reason when nothing is, or nothing covers it. */
export function chooseSize(format: Format, asked: CaptureOptions, most: Size = MOST[format.kind]): Size | undefined {
  const bySize = format.sizes.toSorted((a, b) => a.width * a.height - b.width * b.height);
  const isAsked = asked.width !== undefined || asked.height !== undefined;
  const covers = (size: Size) => size.width >= (asked.width ?? 0) && size.height >= (asked.height ?? 0);
  const covering = isAsked ? bySize.find(covers) : undefined;
  return covering ?? bySize.findLast((size) => size.width <= most.width && size.height <= most.height) ?? bySize[0];
}

function launchV4l2(command: string, device: string, format: Format, tuning: Tuning): Launch {
  const size = chooseSize(format, tuning);
  const form = format.kind === 'mjpeg' ? ['-input_format', 'mjpeg'] : [];
  const dimensions = size ? ['-video_size', `${size.width}x${size.height}`] : [];
  const input = ['-protocol_whitelist', 'file', '-f', 'v4l2', ...form, ...dimensions, '-i', device];
  // Many USB cameras leave the Huffman tables out of their JPEGs; the filter puts them back without decoding.
  const copy = ['-map', '0:v:0', '-c:v', 'copy', '-bsf:v', 'mjpeg2jpeg', '-flush_packets', '1', '-f', 'image2pipe'];
  const output = format.kind === 'mjpeg' ? [...copy, 'pipe:1'] : jpegOutput(tuning);
  return { command, args: [...FFMPEG_QUIET, ...input, ...output] };
}
