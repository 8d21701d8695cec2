import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { readJpegHeader } from '../jpeg-header.ts';
import { fitJpeg } from '../picture-fit.ts';
import { type Exposure, SERVICE_TIMEOUT_MS } from './camera-service.ts';
import type { DriverParts } from './parts.ts';
import { type RelabDialect, RelabRemote } from './relab-remote.ts';
import { wordsIn } from './relab-words.ts';
import { refusalOf, ServiceCall, splitSecret } from './service-call.ts';
import { type ServiceSettings, serviceControl } from './service-settings.ts';

/** Dialect A keeps an image under such an id for an hour. */
const IMAGE_ID = /^[0-9a-f]{32}$/;
/** Stills of dialect A (S0.26). */
const STILL = { width: 1920, height: 1080 };

/**
 * The Pi camera API of seed 000 (`relab+http://:KEY@host:8018`): dialect A (`POST /images`, then the image by its id) and B
 * (`POST /captures`). The address's password is the key of `X-API-Key`. The address in an answer is never followed to another host: the
 * key would go there. B hands its picture to its platform, not to who asked; without an address on the camera itself its preview
 * picture is taken, which it renews after a capture.
 */
export class RelabDriver implements StillDriver {
  readonly control = serviceControl(this);
  readonly kind = 'relab';
  readonly #parts: DriverParts;
  readonly #call: ServiceCall;
  readonly #url: string;
  readonly #closing = new AbortController();
  #dialect: RelabDialect | undefined;
  readonly remote: RelabRemote;
  #status: DriverStatus = { state: 'idle' };
  /** of the last capture: dialect A tells nothing of itself otherwise */
  #last: Required<Exposure> | undefined;

  constructor(address: string, parts: DriverParts) {
    const { url, secret, headers } = splitSecret(address);
    this.#parts = parts;
    this.#url = url;
    this.#call = new ServiceCall({
      url,
      headers: { ...headers, ...(secret !== undefined && { 'X-API-Key': secret }) },
      timeoutMs: parts.serviceTimeoutMs ?? SERVICE_TIMEOUT_MS,
      clock: parts.clock,
    });
    this.remote = new RelabRemote(this.#call, (signal) => this.#dialectOf(signal), parts.clock);
  }

  async open(): Promise<void> {}

  async capture(options: CaptureOptions & Exposure, signal?: AbortSignal): Promise<Picture> {
    const ending = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
    try {
      const dialect = await this.#dialectOf(ending);
      const { exposure, gain } = options;
      if (exposure !== undefined || gain !== undefined) await this.change({ exposure, gain }, ending);
      const path = dialect === 'A' ? '/images' : '/captures';
      const taken = await this.#call.json({ method: 'POST', path, signal: ending });
      const jpeg = dialect === 'A' ? await this.#imageOf(taken, ending) : await this.#uploadedOf(taken, ending);
      const told = metadataOf(taken);
      this.#last = { exposure: told.exposure ?? 0, gain: told.gain ?? 0 };
      const picture = await fitJpeg(jpeg, told.capturedAt ?? this.#parts.clock.now(), options);
      this.#status = { state: 'live', lastFrameAt: this.#parts.clock.now() };
      return { ...picture, exposure: told.exposure, gain: told.gain, told: wordsIn(taken.metadata) };
    } catch (thrown) {
      if (!ending.aborted) this.#note(toAppError(thrown));
      throw thrown;
    }
  }

  /** What the camera tells of itself; dialect A tells exposure and gain of its last capture only. */
  async settings(signal?: AbortSignal): Promise<ServiceSettings> {
    const dialect = await this.#dialectOf(signal);
    const status = await this.#call.json({ method: 'GET', path: statusPath(dialect), signal });
    const values = dialect === 'B' ? await this.#controls(signal) : undefined;
    return {
      exposure: numberOf(values?.ExposureTime, 1000) ?? this.#last?.exposure ?? 0,
      gain: numberOf(values?.AnalogueGain) ?? this.#last?.gain ?? 0,
      resolution: STILL,
      availableResolutions: [STILL],
      connected: true,
      streaming: status.stream !== null && status.stream !== undefined,
    };
  }

  /** Exposure in ms and gain, by dialect B's controls; dialect A has none and throws `request.invalid`. */
  async change({ exposure, gain }: Exposure, signal?: AbortSignal): Promise<ServiceSettings> {
    if ((await this.#dialectOf(signal)) === 'A') {
      throw new AppError('request.invalid', 'this camera exposes by itself and takes no exposure or gain');
    }
    const controls = {
      ...(exposure !== undefined && { ExposureTime: Math.round(exposure * 1000) }),
      ...(gain !== undefined && { AnalogueGain: gain }),
    };
    await this.#call.json({ method: 'PATCH', path: '/camera/controls', body: { controls }, signal });
    return this.settings(signal);
  }

  status(): DriverStatus {
    return this.#status;
  }

  async close(): Promise<void> {
    this.#closing.abort(new AppError('camera.unreachable', 'the camera has been closed'));
    this.#status = { state: 'idle' };
  }

  async #dialectOf(signal?: AbortSignal): Promise<RelabDialect> {
    if (this.#dialect) return this.#dialect;
    for (const dialect of ['A', 'B'] as const) {
      const answer = await this.#call.ask({ method: 'GET', path: statusPath(dialect), signal });
      if (answer.status === 404) continue;
      if (answer.status >= 300) throw refusalOf(answer);
      this.#dialect = dialect;
      return dialect;
    }
    throw new AppError('camera.no_picture', 'no Pi camera API answers there: neither /camera/status nor /camera');
  }

  async #imageOf({ image_id: id }: Record<string, unknown>, signal: AbortSignal): Promise<Buffer> {
    if (typeof id !== 'string' || !IMAGE_ID.test(id)) {
      throw new AppError('camera.bad_answer', 'the camera named no image');
    }
    return this.#picture(`/images/${id}`, signal);
  }

  async #uploadedOf({ image_url: address }: Record<string, unknown>, signal: AbortSignal): Promise<Buffer> {
    const own = typeof address === 'string' ? pathBelow(this.#url, address) : undefined;
    return this.#picture(own ?? '/preview-thumbnail.jpg', signal);
  }

  async #picture(path: string, signal: AbortSignal): Promise<Buffer> {
    const answer = await this.#call.ask({ method: 'GET', path, picture: true, signal });
    if (answer.status !== 200) throw refusalOf(answer);
    if (!readJpegHeader(answer.body)) {
      throw new AppError('camera.bad_answer', 'the camera gave something that is no JPEG');
    }
    return answer.body;
  }

  async #controls(signal?: AbortSignal): Promise<Record<string, unknown> | undefined> {
    const answer = await this.#call.ask({ method: 'GET', path: '/camera/controls', signal });
    // 501: this camera has no controls.
    if (answer.status === 501) return undefined;
    if (answer.status >= 300) throw refusalOf(answer);
    return (JSON.parse(answer.body.toString('utf8')) as { values?: Record<string, unknown> }).values;
  }

  #note({ message, details }: AppError): void {
    const reason = typeof details.reason === 'string' ? `${message}: ${details.reason}` : message;
    const { lastFrameAt } = this.#status;
    this.#status = { state: 'failed', reason, ...(lastFrameAt !== undefined && { lastFrameAt }) };
  }
}

function statusPath(dialect: RelabDialect): string {
  return dialect === 'A' ? '/camera/status' : '/camera';
}

/** The path of an address that lies on the camera itself; undefined for any other. */
function pathBelow(base: string, address: string): string | undefined {
  const found = URL.parse(address, base);
  const { pathname, origin } = new URL(base);
  if (!found || found.origin !== origin || !found.pathname.startsWith(pathname)) return undefined;
  return found.pathname.slice(pathname.length) + found.search;
}

/** `ImageMetadata`: exposure in µs, time of capture with its zone. */
function metadataOf(taken: Record<string, unknown>): Exposure & { capturedAt?: number } {
  const { image_properties: image, capture_metadata: capture } = (taken.metadata ?? {}) as {
    image_properties?: { capture_time?: unknown };
    capture_metadata?: { exposure_time?: unknown; analogue_gain?: unknown };
  };
  const at = typeof image?.capture_time === 'string' ? Date.parse(image.capture_time) : Number.NaN;
  return {
    exposure: numberOf(capture?.exposure_time, 1000),
    gain: numberOf(capture?.analogue_gain),
    ...(!Number.isNaN(at) && { capturedAt: at }),
  };
}

function numberOf(value: unknown, divisor = 1): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value / divisor : undefined;
}
