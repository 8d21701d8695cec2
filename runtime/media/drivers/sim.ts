import sharp from 'sharp';
import type { CaptureOptions } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import { Turns } from '../../lib/turns.ts';
import type { CameraUrl } from '../camera-url.ts';
import type { DriverStatus, Picture, SettingsFace, StillDriver } from '../driver.ts';
import { fitSize } from '../picture-fit.ts';
import { createGradient } from '../sim/gradient.ts';
import type { Scene } from '../sim/scene.ts';
import { createShelf } from '../sim/shelf.ts';
import { litScene, simSettings, tunedSim } from '../sim/sim-settings.ts';
import type { DriverParts } from './parts.ts';

const DEFAULT_QUALITY = 80;

/** A built-in scene as a camera: needs no device, no file and no other program. */
export class SimDriver implements StillDriver {
  readonly kind = 'sim';
  readonly control: SettingsFace;
  readonly #url: CameraUrl & { kind: 'sim' };
  readonly #parts: DriverParts;
  #scene: Promise<Scene> | undefined;
  /** the last drawing that was asked for: the scene has one set of pixels, so they take turns */
  readonly #turns = new Turns();
  #lastFrameAt: number | undefined;
  #closed = false;

  constructor(url: CameraUrl & { kind: 'sim' }, parts: DriverParts) {
    const { settings = {} } = parts;
    this.control = simSettings(url, settings);
    this.#url = tunedSim(url, settings);
    this.#parts = parts;
  }

  async open(): Promise<void> {
    this.#scene ??= this.#draft();
    await this.#scene;
  }

  async capture(options: CaptureOptions, signal?: AbortSignal): Promise<Picture> {
    await this.open();
    return this.#turns.take(() => this.#draw(options, signal));
  }

  status(): DriverStatus {
    if (this.#lastFrameAt === undefined || this.#closed) return { state: 'idle' };
    return { state: 'live', lastFrameAt: this.#lastFrameAt };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turns.over();
    this.#scene = undefined;
  }

  async #draft(): Promise<Scene> {
    const scene = this.#url.scene === 'shelf' ? await createShelf(this.#url) : createGradient(this.#url);
    return litScene(scene, this.#parts.settings ?? {});
  }

  async #draw(options: CaptureOptions, signal?: AbortSignal): Promise<Picture> {
    signal?.throwIfAborted();
    const scene = await this.#scene;
    if (!scene || this.#closed) throw new AppError('camera.unreachable', 'the camera has been closed');
    const { fps } = this.#url;
    // The camera's own beat: between two of its pictures the last one is what shows.
    const count = Math.floor((this.#parts.clock.now() * fps) / 1000);
    const capturedAt = Math.ceil((count * 1000) / fps);
    const { width, height } = fitSize(scene.width, scene.height, options);
    const quality = options.jpegQuality ?? DEFAULT_QUALITY;
    const raw = { width: scene.width, height: scene.height, channels: 3 } as const;
    let picture = sharp(scene.render(capturedAt), { raw });
    if (width !== scene.width || height !== scene.height) picture = picture.resize(width, height, { fit: 'fill' });
    const jpeg = await picture.jpeg({ quality }).toBuffer();
    this.#lastFrameAt = capturedAt;
    return { jpeg, capturedAt, width, height, jpegQuality: quality };
  }
}
