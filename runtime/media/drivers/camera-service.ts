import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { readJpegHeader } from '../jpeg-header.ts';
import { fitJpeg } from '../picture-fit.ts';
import { nextStreamFrame } from './camera-service-stream.ts';
import type { DriverParts } from './parts.ts';
import { refusalOf, ServiceCall, splitSecret } from './service-call.ts';
import { type ServiceSettings, serviceSettings } from './service-settings.ts';

const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
export const SERVICE_TIMEOUT_MS = 30_000;

/** How a capture is to be exposed: ms, and a factor. */
export interface Exposure {
  exposure?: number | undefined;
  gain?: number | undefined;
}

/**
 * The FastAPI camera service of seed 002 (`http://host:8001`), in both of its dialects: the seed's answers with `settings` and
 * `image_info`, today's with `capturedAt` and `width`. The picture of a capture is fetched from `/captures/{filename}`; a service
 * without that gives a frame of its stream instead. A password in the address is sent as Bearer token (S2.36).
 */
export class CameraServiceDriver implements StillDriver {
  readonly kind = 'http';
  readonly #parts: DriverParts;
  readonly #call: ServiceCall;
  readonly #url: string;
  readonly #secret: string | undefined;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();
  #status: DriverStatus = { state: 'idle' };
  /** no `/captures/{file}` there: asked once */
  #servesFiles = true;

  constructor(address: string, parts: DriverParts) {
    const { url, secret, headers: others } = splitSecret(address);
    this.#parts = parts;
    this.#url = url;
    this.#secret = secret;
    this.#timeoutMs = parts.serviceTimeoutMs ?? SERVICE_TIMEOUT_MS;
    const headers = { ...others, ...(secret !== undefined && { Authorization: `Bearer ${secret}` }) };
    this.#call = new ServiceCall({ url, headers, timeoutMs: this.#timeoutMs, clock: parts.clock });
  }

  /** Whether such a service answers at that address: its `/health` has `camera_connected` whatever the camera does (S2.9). */
  async isThere(signal?: AbortSignal): Promise<boolean> {
    const answer = await this.#call.json({ method: 'GET', path: '/health', signal }).catch((error: unknown) => {
      if (toAppError(error).code === 'camera.unreachable') throw error;
      return undefined;
    });
    return typeof answer?.camera_connected === 'boolean';
  }

  async open(): Promise<void> {}

  async capture(options: CaptureOptions & Exposure, signal?: AbortSignal): Promise<Picture> {
    const ending = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
    try {
      const { exposure, gain } = options;
      const taken = await this.#call.json({
        method: 'POST',
        path: '/capture',
        body: { exposure, gain },
        signal: ending,
      });
      if (taken.success === false) throw new AppError('camera.no_picture', 'the camera service took no picture');
      const { jpeg, capturedAt } = await this.#pictureOf(taken, ending);
      const picture = await fitJpeg(jpeg, capturedAt, options);
      this.#status = { state: 'live', lastFrameAt: this.#parts.clock.now() };
      return { ...picture, ...exposureOf(taken) };
    } catch (thrown) {
      if (!ending.aborted) this.#note(toAppError(thrown));
      throw thrown;
    }
  }

  /** Settings as the service has them (S2.6); throws as `capture` does. */
  async settings(signal?: AbortSignal): Promise<ServiceSettings> {
    return serviceSettings(await this.#call.json({ method: 'GET', path: '/settings', signal }));
  }

  /** Changes what is named (S2.7); the answer is what is in force. */
  async change(change: Exposure, signal?: AbortSignal): Promise<ServiceSettings> {
    return serviceSettings(await this.#call.json({ method: 'PUT', path: '/settings', body: change, signal }));
  }

  status(): DriverStatus {
    return this.#status;
  }

  async close(): Promise<void> {
    this.#closing.abort(new AppError('camera.unreachable', 'the camera has been closed'));
    this.#status = { state: 'idle' };
  }

  async #pictureOf(taken: Record<string, unknown>, signal: AbortSignal) {
    const jpeg = await this.#fileOf(taken, signal);
    const { clock } = this.#parts;
    if (jpeg) return { jpeg: checked(jpeg, taken), capturedAt: capturedAt(taken) ?? clock.now() };
    const frame = await nextStreamFrame({
      url: this.#url,
      secret: this.#secret,
      timeoutMs: this.#timeoutMs,
      clock,
      signal,
    });
    return { jpeg: frame, capturedAt: clock.now() };
  }

  async #fileOf({ filename }: Record<string, unknown>, signal: AbortSignal): Promise<Buffer | undefined> {
    if (!this.#servesFiles) return undefined;
    // What names no file of one folder goes into no address.
    if (typeof filename !== 'string' || !FILE_NAME.test(filename)) {
      throw new AppError('camera.bad_answer', 'the camera service named no file');
    }
    const answer = await this.#call.ask({ method: 'GET', path: `/captures/${filename}`, picture: true, signal });
    if (answer.status === 404) {
      this.#servesFiles = false;
      return undefined;
    }
    if (answer.status !== 200) throw refusalOf(answer);
    return answer.body;
  }

  #note({ message, details }: AppError): void {
    const reason = typeof details.reason === 'string' ? `${message}: ${details.reason}` : message;
    const { lastFrameAt } = this.#status;
    this.#status = { state: 'failed', reason, ...(lastFrameAt !== undefined && { lastFrameAt }) };
  }
}

/** The bytes must be the picture that was announced: JPEG, of that size. Throws `camera.bad_answer`. */
function checked(jpeg: Buffer, taken: Record<string, unknown>): Buffer {
  const header = readJpegHeader(jpeg);
  if (!header) throw new AppError('camera.bad_answer', 'the camera gave something that is no JPEG');
  const { settings, image_info: info } = taken as {
    settings?: { resolution?: { width?: unknown; height?: unknown } };
    image_info?: { size_bytes?: unknown };
  };
  const { width, height } = settings?.resolution ?? taken;
  const size = info?.size_bytes ?? taken.fileSize;
  if (typeof size === 'number' && size !== jpeg.length) {
    throw new AppError('camera.bad_answer', `the camera announced ${size} bytes and gave ${jpeg.length}`);
  }
  if (typeof width === 'number' && typeof height === 'number' && (width !== header.width || height !== header.height)) {
    const words = `the camera announced ${width}x${height} and gave ${header.width}x${header.height}`;
    throw new AppError('camera.bad_answer', words);
  }
  if (jpeg.lastIndexOf(Buffer.from([0xff, 0xd9])) < jpeg.length - 64) {
    throw new AppError('camera.bad_answer', "the camera's picture is cut off");
  }
  return jpeg;
}

/** What it says of the exposure, in either dialect. */
function exposureOf(taken: Record<string, unknown>): Exposure {
  const { settings } = taken as { settings?: Record<string, unknown> | null };
  const values = { exposure: settings?.exposure ?? taken.exposureTime, gain: settings?.gain ?? taken.gain };
  return {
    ...(typeof values.exposure === 'number' && { exposure: values.exposure }),
    ...(typeof values.gain === 'number' && { gain: values.gain }),
  };
}

/** Its time of capture, where it says a zone: seed 002 labels local time as UTC, so one that is off by whole hours is not believed. */
function capturedAt(taken: Record<string, unknown>): number | undefined {
  const text = taken.capturedAt ?? taken.timestamp;
  const at = typeof text === 'string' && /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
