import type { CameraStatus, CaptureOptions } from '../contracts/cameras.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { RemoteCamera } from '../contracts/remote-cameras.ts';
import type { Picture, SettingsFace, StillDriver } from './driver.ts';

/** Captures with different options at once; more are told to come again. */
const MAX_AT_ONCE = 8;

interface Shot {
  picture: Promise<Picture>;
  cancel: AbortController;
  takers: number;
}

/**
 * One camera: finds and opens its driver at the first capture, and lets callers that want the same share one capture. A caller
 * that gives up leaves the others' capture alone.
 */
export class Camera {
  readonly #kind: string;
  readonly #find: () => Promise<StillDriver>;
  readonly #shots = new Map<string, Shot>();
  #driver: StillDriver | undefined;
  #finding: Promise<StillDriver> | undefined;
  #opening: Promise<StillDriver> | undefined;
  #trouble: AppError | undefined;
  #closed = false;

  constructor(kind: string, find: () => Promise<StillDriver>) {
    this.#kind = kind;
    this.#find = find;
  }

  async capture(options: CaptureOptions, signal?: AbortSignal): Promise<Picture> {
    signal?.throwIfAborted();
    const key = `${options.width ?? ''}x${options.height ?? ''}q${options.jpegQuality ?? ''}`;
    const shot = this.#shots.get(key) ?? this.#shoot(key, options);
    shot.takers += 1;
    try {
      return await orAborted(shot.picture, signal);
    } finally {
      shot.takers -= 1;
      if (shot.takers === 0) {
        this.#forget(key, shot);
        shot.cancel.abort(new AppError('camera.no_picture', 'nobody waits for this picture'));
      }
    }
  }

  status(): Omit<CameraStatus, 'id'> {
    const status = {
      driver: this.#driver?.kind ?? this.#kind,
      ...(this.#driver?.status() ?? { state: 'idle' as const }),
    };
    if (this.#trouble && status.state === 'idle') return { ...status, state: 'failed', reason: this.#trouble.message };
    return status;
  }

  /** What can be set at it; undefined when nothing can. Opens nothing. */
  async control(): Promise<SettingsFace | undefined> {
    return (await this.#located()).control;
  }

  /** What its own machine does besides stills; undefined where there is none. Opens nothing. */
  async remote(): Promise<RemoteCamera | undefined> {
    return (await this.#located()).remote;
  }

  /** Gives the device back until the next capture. */
  async rest(): Promise<void> {
    // Whether the opening worked does not matter here: what it opened is closed.
    await this.#opening?.catch(() => undefined);
    const driver = this.#driver;
    if (this.#closed || !driver) return;
    this.#driver = undefined;
    this.#opening = undefined;
    await driver.close();
  }

  /** Resolves when the driver has given everything back. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const shot of this.#shots.values()) shot.cancel.abort(closed());
    // Whether the opening worked does not matter here: what it opened is closed.
    await this.#opening?.catch(() => undefined);
    await this.#driver?.close();
  }

  #shoot(key: string, options: CaptureOptions): Shot {
    if (this.#shots.size >= MAX_AT_ONCE) {
      throw new AppError('camera.no_picture', `the camera is busy with ${MAX_AT_ONCE} captures`);
    }
    const cancel = new AbortController();
    const shot: Shot = { picture: this.#take(options, cancel.signal), cancel, takers: 0 };
    this.#shots.set(key, shot);
    const forget = () => this.#forget(key, shot);
    // Each taker sees an error through its own promise; with none left there is nobody to tell.
    shot.picture.then(forget, forget);
    return shot;
  }

  #forget(key: string, shot: Shot): void {
    if (this.#shots.get(key) === shot) this.#shots.delete(key);
  }

  async #take(options: CaptureOptions, signal: AbortSignal): Promise<Picture> {
    try {
      const driver = await this.#open();
      const picture = await driver.capture(options, signal);
      this.#trouble = undefined;
      return picture;
    } catch (thrown) {
      const error = toAppError(thrown);
      if (!signal.aborted) this.#trouble = error;
      throw error;
    }
  }

  async #open(): Promise<StillDriver> {
    if (this.#closed) throw closed();
    this.#opening ??= this.#openDriver();
    try {
      return await this.#opening;
    } catch (error) {
      // The next capture tries again: a clip may have been put there, a program installed.
      this.#opening = undefined;
      throw error;
    }
  }

  async #openDriver(): Promise<StillDriver> {
    const driver = await this.#located();
    await driver.open();
    if (this.#closed) throw closed();
    return driver;
  }

  async #located(): Promise<StillDriver> {
    if (this.#driver) return this.#driver;
    this.#finding ??= this.#find().finally(() => {
      this.#finding = undefined;
    });
    this.#driver = await this.#finding;
    return this.#driver;
  }
}

function closed(): AppError {
  return new AppError('camera.unreachable', 'the camera has been closed');
}

function orAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
