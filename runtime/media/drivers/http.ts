import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import type { DriverStatus, Picture, SettingsFace, StillDriver } from '../driver.ts';
import { CameraServiceDriver, type Exposure } from './camera-service.ts';
import { HttpMjpegDriver } from './http-mjpeg.ts';
import type { DriverParts } from './parts.ts';
import { type ServiceSettings, serviceControl } from './service-settings.ts';

/**
 * A camera behind `http:`: the camera service of seed 002, or one that gives JPEGs. What answers decides, at the first use, and is asked
 * again until something is found. An address with a path or a query is first taken for that of pictures.
 */
export class HttpDriver implements StillDriver {
  readonly control: SettingsFace;
  readonly #service: CameraServiceDriver;
  readonly #mjpeg: HttpMjpegDriver;
  readonly #order: readonly (CameraServiceDriver | HttpMjpegDriver)[];
  #found: CameraServiceDriver | HttpMjpegDriver | undefined;
  #status: DriverStatus = { state: 'idle' };

  constructor(address: string, parts: DriverParts) {
    this.#service = new CameraServiceDriver(address, parts);
    this.#mjpeg = new HttpMjpegDriver(address, parts);
    const { pathname, search } = new URL(address);
    const isPlain = pathname === '/' && search === '';
    this.#order = isPlain ? [this.#service, this.#mjpeg] : [this.#mjpeg, this.#service];
    const { read, apply } = serviceControl(this);
    const nothing = { ranges: {}, available_resolutions: [] };
    this.control = {
      read: async () => ((await this.#driver()) === this.#mjpeg ? nothing : read()),
      apply,
    };
  }

  get kind(): string {
    return this.#found?.kind ?? 'http';
  }

  async open(): Promise<void> {}

  async capture(options: CaptureOptions & Exposure, signal?: AbortSignal): Promise<Picture> {
    return (await this.#driver(signal)).capture(options, signal);
  }

  async settings(signal?: AbortSignal): Promise<ServiceSettings> {
    return (await this.#serviceOnly(signal)).settings(signal);
  }

  async change(change: Exposure, signal?: AbortSignal): Promise<ServiceSettings> {
    return (await this.#serviceOnly(signal)).change(change, signal);
  }

  status(): DriverStatus {
    return this.#found?.status() ?? this.#status;
  }

  async close(): Promise<void> {
    await Promise.all([this.#service.close(), this.#mjpeg.close()]);
  }

  async #serviceOnly(signal?: AbortSignal): Promise<CameraServiceDriver> {
    const found = await this.#driver(signal);
    if (found !== this.#mjpeg) return this.#service;
    throw new AppError('camera.setting_invalid', 'nothing can be set at a camera that gives JPEGs: use its own page');
  }

  async #driver(signal?: AbortSignal): Promise<CameraServiceDriver | HttpMjpegDriver> {
    if (this.#found) return this.#found;
    try {
      for (const driver of this.#order) {
        if (!(await driver.isThere(signal))) continue;
        this.#found = driver;
        return driver;
      }
      const words = 'what answers there gives no JPEGs, and is no camera service: its /health does not say so';
      throw new AppError('camera.no_picture', words);
    } catch (error) {
      if (!signal?.aborted && error instanceof AppError) this.#status = { state: 'failed', reason: error.message };
      throw error;
    }
  }
}
