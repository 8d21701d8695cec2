import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import type { DriverStatus, Picture, StillDriver } from '../driver.ts';
import { CameraServiceDriver, type Exposure } from './camera-service.ts';
import type { DriverParts } from './parts.ts';
import { type ServiceSettings, serviceControl } from './service-settings.ts';

/**
 * A camera behind `http:`, which may be of several kinds: what answers decides, at the first capture, and is asked again until something
 * is found. Only the camera service of seed 002 is known so far.
 */
export class HttpDriver implements StillDriver {
  readonly control = serviceControl(this);
  readonly #service: CameraServiceDriver;
  #found: CameraServiceDriver | undefined;
  #status: DriverStatus = { state: 'idle' };

  constructor(address: string, parts: DriverParts) {
    this.#service = new CameraServiceDriver(address, parts);
  }

  get kind(): string {
    return this.#found?.kind ?? 'http';
  }

  async open(): Promise<void> {}

  async capture(options: CaptureOptions & Exposure, signal?: AbortSignal): Promise<Picture> {
    return (await this.#driver(signal)).capture(options, signal);
  }

  async settings(signal?: AbortSignal): Promise<ServiceSettings> {
    return (await this.#driver(signal)).settings(signal);
  }

  async change(change: Exposure, signal?: AbortSignal): Promise<ServiceSettings> {
    return (await this.#driver(signal)).change(change, signal);
  }

  status(): DriverStatus {
    return this.#found?.status() ?? this.#status;
  }

  async close(): Promise<void> {
    await this.#service.close();
  }

  async #driver(signal?: AbortSignal): Promise<CameraServiceDriver> {
    if (this.#found) return this.#found;
    try {
      if (await this.#service.isThere(signal)) {
        this.#found = this.#service;
        return this.#found;
      }
      throw new AppError('camera.no_picture', 'what answers there is no camera service: its /health does not say so');
    } catch (error) {
      if (!signal?.aborted && error instanceof AppError) this.#status = { state: 'failed', reason: error.message };
      throw error;
    }
  }
}
