import type { CameraRecord } from '../contracts/api.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { CameraWords } from '../contracts/frame.ts';
import { CAMERA_NOT_CONNECTED, CAMERA_UNAVAILABLE, type PictureMeta } from '../contracts/gallery.ts';
import type { CameraHost, Clock, Log } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type { Actor, CommandService } from '../contracts/services.ts';
import { type CaptureWish, captureWith } from '../media/capture-with.ts';
import { readJpegHeader } from '../picture/jpeg-header.ts';
import type { DevicePictures } from './device-pictures.ts';
import { orAborted, Turns } from './turns.ts';

export interface CapturesOptions {
  /** the server's own */
  cameras: Pick<CameraHost, 'list' | 'settings' | 'applySettings' | 'capture'>;
  commands: Pick<CommandService, 'request'>;
  pictures: DevicePictures;
  /** how long a capture may take, waiting for others included */
  timeoutMs: number;
  clock: Clock;
  log: Log;
}

/** A picture whose bytes are a JPEG of the size that is said. */
export interface TakenPicture {
  jpeg: Buffer;
  meta: PictureMeta;
  /** what the camera said of it besides */
  told?: CameraWords | undefined;
}

/** Keeps a picture; answers its id. */
export type Keep<T extends { id: number }> = (picture: TakenPicture) => Promise<T>;

/** Takes pictures on request, of the server's cameras and of those of devices. */
export class Captures {
  readonly #options: CapturesOptions;
  readonly #turns = new Turns();

  constructor(options: CapturesOptions) {
    this.#options = options;
  }

  /**
   * One picture, handed to `keep`, which makes it last. Throws in the words of seed 002, with the reason in the details: `camera.unreachable`
   * for a camera or device that does not answer (in time), `camera.no_picture` for one that gives none; `capture.busy`, and what `keep` throws.
   */
  async take<T extends { id: number }>(
    camera: CameraRecord,
    wish: CaptureWish,
    asker: { actor: Actor; signal?: AbortSignal | undefined },
    keep: Keep<T>,
  ): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    const limit = new AbortController();
    const late = () => limit.abort(unavailable(`no picture within ${timeoutMs / 1000} s`));
    const cancel = clock.after(timeoutMs, late);
    const signal = asker.signal ? AbortSignal.any([limit.signal, asker.signal]) : limit.signal;
    try {
      return await this.#turns.take(camera.id, signal, () =>
        camera.device === SERVER_DEVICE
          ? this.#ofOwn(camera, wish, signal, keep)
          : this.#ofDevice(camera, wish, { ...asker, signal }, keep),
      );
    } finally {
      cancel();
    }
  }

  async #ofOwn<T extends { id: number }>(
    { id }: CameraRecord,
    wish: CaptureWish,
    signal: AbortSignal,
    keep: Keep<T>,
  ): Promise<T> {
    const { cameras, log } = this.#options;
    const { still, exposure, gain } = await captureWith(cameras, id, wish, { signal, log }).catch((error) => {
      throw inSeedWords(error);
    });
    const { jpeg, capturedAt, width, height, jpegQuality, told } = still;
    const driver = cameras.list().find((camera) => camera.id === id)?.driver;
    const size = sizeOf(jpeg, { width, height });
    signal.throwIfAborted();
    const seen = { camera: id, captured_at: Math.round(capturedAt), jpeg_quality: jpegQuality, exposure, gain };
    return keep({ jpeg, meta: { ...seen, ...size, ...(driver !== undefined && { driver }) }, told });
  }

  async #ofDevice<T extends { id: number }>(
    { id, device }: CameraRecord,
    { exposure, gain }: CaptureWish,
    { actor, signal }: { actor: Actor; signal: AbortSignal },
    keep: Keep<T>,
  ): Promise<T> {
    const { commands, pictures, timeoutMs } = this.#options;
    const { nonce, picture, forget } = pictures.expect(device, id);
    const wish = { ...(exposure !== undefined && { exposure }), ...(gain !== undefined && { gain }) };
    const asked = commands.request(device, 'capture', { camera: id, ...wish, nonce }, { timeoutMs, signal, actor });
    // Once the picture is there it does not matter how the command ends.
    asked.catch(() => undefined);
    try {
      const arrived = await orAborted(Promise.race([picture, failing(asked)]), signal).catch((error) => {
        throw inSeedWords(error);
      });
      try {
        const kept = await keep({ jpeg: arrived.jpeg, meta: arrived.meta });
        arrived.kept(kept.id);
        return kept;
      } catch (error) {
        arrived.lost(error);
        throw error;
      }
    } finally {
      forget();
    }
  }
}

/** Rejects when the device says no, and when it says that it is done although no picture came. */
async function failing(asked: Promise<unknown>): Promise<never> {
  await asked;
  throw notConnected('the device says that it brought a picture, but none came');
}

/** The size in the JPEG's header; throws when that is no whole JPEG, or not what was said. */
function sizeOf(jpeg: Buffer, said: { width: number; height: number }): { width: number; height: number } {
  try {
    const size = readJpegHeader(jpeg);
    if (size.width === said.width && size.height === said.height) return size;
    const message = `the picture has ${size.width}x${size.height} pixels and is said to have ${said.width}x${said.height}`;
    throw new AppError('frame.malformed', message);
  } catch (error) {
    throw inSeedWords(error);
  }
}

/** Codes of a camera, or its device, that does not answer. */
const AWAY = new Set([
  'camera.unreachable',
  'device.offline',
  'command.timeout',
  'broker.unavailable',
  'process.missing',
]);
/** Codes of one that is there and gives no picture. */
const WITHOUT_PICTURE = new Set([
  'camera.no_picture',
  'camera.driver_missing',
  'frame.malformed',
  'frame.too_large',
  'process.failed',
]);
/** What a device says of itself rather than of its camera. */
const DEVICE_AWAY = new Set([
  'flows.stopped',
  'command.interrupted',
  'command.busy',
  'command.expired',
  'command.replayed',
]);
/** What the asker did wrong, as the device says it. */
const ASKERS = ['camera.setting_invalid', 'request.invalid', 'disk.full', 'camera.busy'] as const;

/** The same error in the two sentences that clients of seed 002 know; others as they are. */
export function inSeedWords(thrown: unknown): AppError {
  const error = toAppError(thrown);
  const { message, details } = error;
  if (details.reason !== undefined && (message === CAMERA_UNAVAILABLE || message === CAMERA_NOT_CONNECTED))
    return error;
  const code = error.code === 'command.refused' ? String(details.code) : error.code;
  const reason = error.code === 'command.refused' ? String(details.reason) : message;
  if (AWAY.has(code) || DEVICE_AWAY.has(code)) return unavailable(reason, thrown);
  const asker = ASKERS.find((known) => known === code);
  if (asker) return new AppError(asker, reason, {}, { cause: thrown });
  if (WITHOUT_PICTURE.has(code) || error.code === 'command.refused') return notConnected(reason, thrown);
  return error;
}

/** Nobody answers, in the words of S2.14. */
export function unavailable(reason: string, cause?: unknown): AppError {
  return new AppError('camera.unreachable', CAMERA_UNAVAILABLE, { reason }, { cause });
}

function notConnected(reason: string, cause?: unknown): AppError {
  return new AppError('camera.no_picture', CAMERA_NOT_CONNECTED, { reason }, { cause });
}
