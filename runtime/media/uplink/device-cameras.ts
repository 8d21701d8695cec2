import { AppError } from '../../contracts/errors.ts';
import type { Release } from '../../contracts/host.ts';
import type { StreamAddress, StreamedCameras } from '../stream/streams.ts';

/** The cameras that hang at devices, and whether their device is there. Whoever knows the register keeps it up to date. */
export class DeviceCameras {
  readonly #devices = new Map<string, string>();
  readonly #online = new Set<string>();
  readonly #watchers = new Set<(camera: string) => void>();
  readonly #backs = new Map<string, Set<() => void>>();

  ids(): string[] {
    return [...this.#devices.keys()];
  }

  /** Whose the camera is; undefined when it is no device's. */
  deviceOf(camera: string): string | undefined {
    return this.#devices.get(camera);
  }

  /** Why no stream can come of a camera now, in words. */
  trouble(camera: string): string | undefined {
    const device = this.#devices.get(camera);
    return device === undefined || this.#online.has(device) ? undefined : `the device ${device} is offline`;
  }

  /** The cameras as they are now; who watches hears of what came, went, or moved to another device. */
  set(cameras: readonly { id: string; device: string }[]): void {
    const now = new Map(cameras.map(({ id, device }) => [id, device]));
    const changed = [...new Set([...this.#devices.keys(), ...now.keys()])].filter(
      (id) => this.#devices.get(id) !== now.get(id),
    );
    this.#devices.clear();
    for (const [id, device] of now) this.#devices.set(id, device);
    for (const id of changed) for (const watcher of [...this.#watchers]) watcher(id);
  }

  /** A device came or went. */
  note(device: string, isOnline: boolean): void {
    if (!isOnline) this.#online.delete(device);
    else if (!this.#online.has(device)) {
      this.#online.add(device);
      for (const run of [...(this.#backs.get(device) ?? [])]) run();
    }
  }

  /** Calls when the device comes online. */
  onBack(device: string, run: () => void): Release {
    const runs = this.#backs.get(device) ?? new Set();
    this.#backs.set(device, runs.add(run));
    return () => {
      runs.delete(run);
      if (runs.size === 0 && this.#backs.get(device) === runs) this.#backs.delete(device);
    };
  }

  watch(onChange: (camera: string) => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }
}

/** A host's own cameras and those of devices as one. An id that both have is the host's own. */
export function joinCameras(own: StreamedCameras, devices: DeviceCameras): StreamedCameras {
  const hasOwn = (camera: string) => own.address(camera) !== undefined;
  return {
    ids: () => [...new Set([...own.ids(), ...devices.ids()])],
    resolve(camera) {
      if (camera !== '' && !hasOwn(camera) && devices.deviceOf(camera) !== undefined) return camera;
      try {
        return own.resolve(camera);
      } catch (error) {
        const [first] = devices.ids();
        // Not the wording of a host without cameras: the devices' are there to be named.
        if (camera !== '' || first === undefined || !(error instanceof AppError)) throw error;
        throw new AppError(error.code, `the server has no camera of its own; name one, as ${first}`);
      }
    },
    address(camera): StreamAddress | undefined {
      const device = devices.deviceOf(camera);
      return own.address(camera) ?? (device === undefined ? undefined : { kind: 'uplink', device, camera });
    },
    trouble: (camera) => (hasOwn(camera) ? own.trouble?.(camera) : devices.trouble(camera)),
    find: (url) => own.find(url),
    settingsOf: (camera) => own.settingsOf(camera),
    release: (camera) => own.release(camera),
    watch(onChange) {
      const releases = [own.watch(onChange), devices.watch(onChange)];
      return () => {
        for (const release of releases) release();
      };
    },
  };
}
