import type { Release } from '../contracts/host.ts';
import type { PUSH_PLACES } from '../contracts/published.ts';
import type { PublisherHealth, PushSpec, PushStatus } from '../contracts/pushes.ts';
import type { CameraPushes } from './camera-pushes.ts';
import type { DevicePushes } from './device-pushes.ts';
import type { KeptPushes } from './rtmp.ts';

/** A push with where it is to run; without it the device that has the camera pushes it. */
export interface PlacedSpec extends PushSpec {
  pushedBy?: (typeof PUSH_PLACES)[number] | undefined;
  /** id of the broadcast that it feeds: a camera with an API of its own is told it */
  broadcast?: string | undefined;
}

/** Cameras that send by themselves, and which those are. */
export interface SendingCameras {
  pushes: CameraPushes;
  sendsItself: (camera: string) => boolean;
}

/**
 * Pushes for this server's streams, each where its camera is: a device's goes straight from the device to its destination, instead of
 * through this server's line. A name that is known stays where it is until it is forgotten.
 */
export class PlacedPushes implements KeptPushes {
  readonly #own: KeptPushes;
  readonly #devices: DevicePushes;
  readonly #deviceOf: (camera: string) => string | undefined;
  readonly #cameras: SendingCameras | undefined;

  /** `deviceOf`: which device has a camera; undefined for this server's own. */
  constructor(
    own: KeptPushes,
    devices: DevicePushes,
    deviceOf: (camera: string) => string | undefined,
    cameras?: SendingCameras,
  ) {
    this.#own = own;
    this.#devices = devices;
    this.#deviceOf = deviceOf;
    this.#cameras = cameras;
  }

  declare(given: PlacedSpec, options: { started?: boolean } = {}): Release {
    const { pushedBy, broadcast, ...spec } = given;
    const { camera, name, url = '', key = '' } = spec;
    if (broadcast !== undefined && this.#cameras?.sendsItself(camera)) {
      this.#cameras.pushes.declare({ name, camera, url, key, broadcast });
      return () => undefined;
    }
    const device = this.#deviceFor(given);
    if (device === undefined) return this.#own.declare(spec, options);
    const isOn = this.#devices.has(spec.name) && this.#devices.status(spec.name).wanted;
    this.#devices.keep(spec, device, isOn || options.started === true);
    // It stays over a restart of this server, until it is forgotten: the device is not told to stop for that.
    return () => undefined;
  }

  keep(given: PlacedSpec, wanted: boolean): PushStatus {
    const { pushedBy, broadcast, ...spec } = given;
    const device = this.#deviceFor(given);
    return device === undefined ? this.#own.keep(spec, wanted) : this.#devices.keep(spec, device, wanted);
  }

  specOf(name: string): PushSpec {
    return this.#devices.has(name) ? this.#devices.specOf(name) : this.#own.specOf(name);
  }

  change(spec: PushSpec): PushStatus {
    if (!this.#devices.has(spec.name)) return this.#own.change(spec);
    const { device = '', wanted } = this.#devices.status(spec.name);
    return this.#devices.keep(spec, device, wanted);
  }

  rename(name: string, to: string): void {
    if (this.#devices.has(name)) this.#devices.rename(name, to);
    else this.#own.rename(name, to);
  }

  switchOn(name: string): PushStatus {
    if (this.#cameras?.pushes.has(name)) return this.#cameras.pushes.switchOn(name);
    return this.#devices.has(name) ? this.#devices.switchTo(name, true) : this.#own.switchOn(name);
  }

  switchOff(name: string): PushStatus {
    if (this.#cameras?.pushes.has(name)) return this.#cameras.pushes.switchOff(name);
    return this.#devices.has(name) ? this.#devices.switchTo(name, false) : this.#own.switchOff(name);
  }

  forget(name: string): void {
    this.#cameras?.pushes.remove(name);
    if (this.#devices.has(name)) this.#devices.remove(name);
    else this.#own.forget(name);
  }

  remove(name: string): void {
    if (this.#devices.has(name)) this.#devices.remove(name);
    else this.#own.remove(name);
  }

  status(name: string): PushStatus {
    if (this.#cameras?.pushes.has(name)) return this.#cameras.pushes.status(name);
    return this.#devices.has(name) ? this.#devices.status(name) : this.#own.status(name);
  }

  list(): PushStatus[] {
    return [...this.#own.list(), ...this.#devices.list(), ...(this.#cameras?.pushes.list() ?? [])];
  }

  watch(name: string, onChange: (status: PushStatus) => void): Release {
    const releases = [this.#own.watch(name, onChange), this.#devices.watch(name, onChange)];
    if (this.#cameras) releases.push(this.#cameras.pushes.watch(name, onChange));
    return () => {
      for (const release of releases) release();
    };
  }

  /** Of this server's own; a device has its own. */
  health(): PublisherHealth {
    return this.#own.health();
  }

  async written(): Promise<void> {
    await Promise.all([this.#own.written(), this.#devices.written()]);
  }

  #deviceFor({ name, camera, pushedBy }: PlacedSpec): string | undefined {
    if (pushedBy === 'server') return undefined;
    if (!this.#devices.has(name) && this.#own.list().some((push) => push.name === name)) return undefined;
    return this.#deviceOf(camera);
  }
}
