import {
  type DeviceConfig,
  type DeviceConfigPatch,
  type ServedConfig,
  withMilliseconds,
} from '../contracts/device-config.ts';
import { AppError } from '../contracts/errors.ts';
import type { Actor } from '../contracts/services.ts';
import { siteRoot } from '../contracts/topics.ts';
import { findCameraDevice } from '../db/cameras.repo.ts';
import { activateConfig, findActiveConfig, findConfigVersions } from '../db/device-configs.repo.ts';
import { findDevice, lockDevice, startBurst, updateConfigFetched } from '../db/devices.repo.ts';
import { batched } from '../lib/batched.ts';
import { audit, type FleetContext } from './context.ts';
import { CROWD } from './crowd.ts';
import { deviceRecord, fullConfig } from './device-record.ts';

/** Fetches are noted at most this often for a device. */
const NOTE_EVERY_MS = 1000;

/** What devices are told to do: versioned configuration, and bursts. */
export class Configuration {
  readonly #context: FleetContext;
  readonly #onChange: (device: string) => void;
  readonly #notedAt = new Map<string, number>();
  /** Number of the configuration in force; undefined for a device that has none. */
  readonly version: (id: string) => Promise<number | undefined>;

  constructor(context: FleetContext, onChange: (device: string) => void) {
    this.#context = context;
    this.#onChange = onChange;
    this.version = batched({
      crowd: CROWD,
      clock: context.clock,
      keyOf: (id) => id,
      async ask(ids) {
        const versions = await findConfigVersions(context.db, ids);
        return (id) => versions.get(id);
      },
    });
  }

  /** The configuration in force, defaults filled in; throws `device.not_found`. */
  async get(id: string): Promise<{ version: number; config: DeviceConfig }> {
    const row = await findDevice(this.#context.db, id);
    if (row === undefined) throw unknown(id);
    return { version: row.config_version ?? 0, config: fullConfig(row.config) };
  }

  /** Merges the fields into the configuration, as a new version unless nothing changes. */
  async put(id: string, change: DeviceConfigPatch, actor: Actor): Promise<{ version: number; config: DeviceConfig }> {
    const { db, clock, notices } = this.#context;
    const result = await db.tx(async (q) => {
      if (!(await lockDevice(q, id))) throw unknown(id);
      const active = await findActiveConfig(q, id);
      const given = Object.entries(change).filter(([, value]) => value !== undefined);
      const set = { ...active?.config, ...Object.fromEntries(given) };
      const changed = given.some(([name, value]) => active?.config[name] !== value);
      if (active !== undefined && !changed) return { changed, version: active.version, config: fullConfig(set) };
      const version = await activateConfig(q, id, set, { actor: actor.name, at: new Date(clock.now()) });
      await audit(q, actor, 'device.config', `device/${id}`, { version, ...change });
      await notices.send(q, 'config', id);
      return { changed: true, version, config: fullConfig(set) };
    });
    if (result.changed) {
      this.#onChange(id);
      this.#context.notifyConfig(id, result.version);
    }
    return { version: result.version, config: result.config };
  }

  /**
   * The configuration as the device gets it; notes that it asked. Two answers differ only where something was changed, a frame
   * arrived or a burst began or ended, so that an ETag over them means something.
   */
  async served(id: string): Promise<ServedConfig> {
    const { db, clock } = this.#context;
    const row = await findDevice(db, id);
    if (row === undefined) throw unknown(id);
    await this.#note(id);
    const { mode, burst_until } = deviceRecord(row, clock.now());
    const signing = this.#context.signing?.();
    return {
      ok: true,
      device_id: id,
      version: row.config_version ?? 0,
      last_seq: row.last_seq,
      mode,
      burst_until,
      mqtt: { url: this.#context.mqttUrl(), root: siteRoot(this.#context.site) },
      ...(signing && { signing }),
      config: withMilliseconds(fullConfig(row.config)),
    };
  }

  /**
   * Asks the camera's device for a burst; false when one runs or the rest after it does. A burst has the configured length and
   * is not prolonged by what happens during it: the rest protects the uplink and the battery from a busy scene.
   */
  async requestBurst(camera: string): Promise<boolean> {
    const { db, clock, notices } = this.#context;
    const started = await db.tx(async (q) => {
      const device = await findCameraDevice(q, camera);
      if (device === undefined) return undefined;
      const active = await findActiveConfig(q, device);
      const config = fullConfig(active?.config);
      const now = clock.now();
      const until = now + config.burst_duration_s * 1000;
      const readyAt = until + config.burst_cooldown_s * 1000;
      const burst = { now: new Date(now), until: new Date(until), readyAt: new Date(readyAt) };
      if (!(await startBurst(q, device, burst))) return undefined;
      await notices.send(q, 'config', device);
      return { device, version: active?.version ?? 0 };
    });
    if (started === undefined) return false;
    this.#context.notifyConfig(started.device, started.version);
    return true;
  }

  /** Another process changed the device's configuration: tells the device, should it be connected here. */
  async passOn(id: string): Promise<void> {
    const active = await findActiveConfig(this.#context.db, id);
    if (active !== undefined) this.#context.notifyConfig(id, active.version);
  }

  async #note(id: string): Promise<void> {
    const now = this.#context.clock.monotonicMs();
    const noted = this.#notedAt.get(id);
    if (noted !== undefined && now - noted < NOTE_EVERY_MS) return;
    this.#notedAt.set(id, now);
    await updateConfigFetched(this.#context.db, id, new Date(this.#context.clock.now()));
  }
}

function unknown(id: string): AppError {
  return new AppError('device.not_found', `There is no device "${id}".`);
}
