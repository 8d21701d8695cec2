import type { DeviceCreate, DevicePatch, DeviceRecord, DeviceRotate, DeviceWithKey } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';
import { firstCameraOf, SERVER_DEVICE } from '../contracts/ids.ts';
import type { Actor } from '../contracts/services.ts';
import { insertCamera, markDeviceCamerasDeleted } from '../db/cameras.repo.ts';
import type { Queryable } from '../db/db.ts';
import { activateConfig, findActiveConfig } from '../db/device-configs.repo.ts';
import { retireDeviceKeys, revokeDeviceKeys } from '../db/device-keys.repo.ts';
import {
  findDevice,
  insertDevice,
  listDevices,
  lockDevice,
  markDeviceDeleted,
  takenDeviceIds,
  updateDevice,
} from '../db/devices.repo.ts';
import { audit, type FleetContext } from './context.ts';
import type { IssuedKey } from './device-keys.ts';
import { deviceRecord } from './device-record.ts';
import { freeId, slug } from './slug.ts';

/** How long an old key goes on working beside its successor. */
export const KEY_OVERLAP_MS = 24 * 3600 * 1000;

/** The devices: enrolment, keys, deletion. */
export class DeviceRegister {
  readonly #context: FleetContext;

  constructor(context: FleetContext) {
    this.#context = context;
  }

  /** Every registered device, by id. */
  async list(): Promise<DeviceRecord[]> {
    const now = this.#context.clock.now();
    return (await listDevices(this.#context.db)).map((row) => deviceRecord(row, now));
  }

  /** One device; throws `device.not_found`. */
  async get(id: string, q: Queryable = this.#context.db): Promise<DeviceRecord> {
    const row = await findDevice(q, id);
    if (row === undefined) throw unknown(id);
    return deviceRecord(row, this.#context.clock.now());
  }

  /** Registers a device with its first camera and a key. A deleted id is taken up again: `last_seq`, configuration and ROIs as they were. */
  async create(body: DeviceCreate, actor: Actor): Promise<DeviceWithKey> {
    const made = await this.#context.db.tx(async (q) => {
      const id = body.id ?? freeId(slug(body.name), await takenDeviceIds(q, slug(body.name)));
      const key = await this.#enrol(q, id, body.name, actor, body.signed);
      if (key === undefined) throw new AppError('device.exists', `There is a device "${id}" already.`, { field: 'id' });
      return { ...(await this.get(id, q)), ...key };
    });
    this.#context.keys.forget();
    return made;
  }

  /** For a device that was paired: registers it, or gives a known one a new key, with which all earlier ones end. In the caller's transaction. */
  async enrolPaired(q: Queryable, body: { name: string; device?: string }, actor: Actor): Promise<DeviceWithKey> {
    const known = body.device;
    if (known === undefined) {
      const id = freeId(slug(body.name), await takenDeviceIds(q, slug(body.name)));
      const key = await this.#enrol(q, id, body.name, actor);
      if (key === undefined)
        throw new AppError('device.exists', `There is a device "${id}" already.`, { field: 'name' });
      return { ...(await this.get(id, q)), ...key };
    }
    refuseBuiltIn(known, 'paired');
    if (!(await lockDevice(q, known))) throw unknown(known);
    await revokeDeviceKeys(q, known, this.#now());
    await audit(q, actor, 'device.pair', `device/${known}`);
    await this.#context.notices.send(q, 'keys', known);
    return { ...(await this.get(known, q)), ...(await this.#context.keys.issue(q, known)) };
  }

  /** Registers the built-in device of the server's own cameras, once. */
  async registerServer(): Promise<void> {
    await this.#context.db.tx(async (q) => {
      const made = await insertDevice(q, { id: SERVER_DEVICE, name: 'Server', at: this.#now() });
      if (made) await this.#firstConfig(q, SERVER_DEVICE, { name: 'setup' });
    });
  }

  /**
   * Makes sure that the device is there and that whoever starts it has a working key: the given one when it works or can be
   * taken over, else a fresh one, with which all earlier ones end.
   */
  async ensure(id: string, name: string, key?: string): Promise<{ created: boolean; api_key: string }> {
    const actor = { name: 'setup' };
    if (key !== undefined && (await this.#context.keys.holder(key))?.id === id) return { created: false, api_key: key };
    const ensured = await this.#context.db.tx(async (q) => {
      const own = await this.#enrol(q, id, name, actor);
      const created = own !== undefined;
      if (key !== undefined && (await this.#context.keys.adopt(q, id, key))) return { created, api_key: key };
      if (own !== undefined) return { created, api_key: own.api_key };
      await revokeDeviceKeys(q, id, this.#now());
      await audit(q, actor, 'device.rotate-key', `device/${id}`);
      await this.#context.notices.send(q, 'keys', id);
      return { created, api_key: (await this.#context.keys.issue(q, id)).api_key };
    });
    this.#context.keys.forget();
    return ensured;
  }

  /** Changes the name, or shuts the device out and lets it in again. */
  async patch(id: string, change: DevicePatch, actor: Actor): Promise<DeviceRecord> {
    if (change.disabled === true) refuseBuiltIn(id, 'disabled');
    const record = await this.#context.db.tx(async (q) => {
      if (!(await lockDevice(q, id))) throw unknown(id);
      await updateDevice(q, id, { ...change, at: this.#now() });
      await audit(q, actor, 'device.patch', `device/${id}`, { ...change });
      if (change.disabled !== undefined) await this.#context.notices.send(q, 'keys', id);
      return this.get(id, q);
    });
    if (change.disabled !== undefined) this.#context.keys.forget();
    if (change.disabled === true) this.#context.onRevoked(id);
    return record;
  }

  /** Ends the device's keys and takes it and its cameras out of every list; its frames and events stay. */
  async remove(id: string, actor: Actor): Promise<void> {
    refuseBuiltIn(id, 'deleted');
    await this.#context.db.tx(async (q) => {
      if (!(await lockDevice(q, id))) throw unknown(id);
      const at = this.#now();
      await revokeDeviceKeys(q, id, at);
      await markDeviceCamerasDeleted(q, id, at);
      await markDeviceDeleted(q, id, at);
      await audit(q, actor, 'device.delete', `device/${id}`);
      await this.#context.notices.send(q, 'keys', id);
    });
    this.#context.keys.forget();
    this.#context.onRevoked(id);
  }

  /** A second key; the one before it works for another day, or ends now when that was asked for, as any older one does. */
  async rotateKey(
    id: string,
    actor: Actor,
    { end_old = false, signed = false }: DeviceRotate = {},
  ): Promise<DeviceWithKey> {
    refuseBuiltIn(id, 'given a key');
    const { revoked, made } = await this.#context.db.tx(async (q) => {
      if (!(await lockDevice(q, id))) throw unknown(id);
      const at = this.#now();
      const ended = end_old
        ? await revokeDeviceKeys(q, id, at)
        : await retireDeviceKeys(q, id, at, new Date(at.getTime() + KEY_OVERLAP_MS));
      const key = await this.#context.keys.issue(q, id, { signed });
      await audit(q, actor, 'device.rotate-key', `device/${id}`, { end_old, signed });
      await this.#context.notices.send(q, 'keys', id);
      return { revoked: ended, made: { ...(await this.get(id, q)), ...key } };
    });
    this.#context.keys.forget();
    if (revoked > 0) this.#context.onRevoked(id);
    return made;
  }

  /** The key of a device that was just registered; undefined when the id is in use. */
  async #enrol(q: Queryable, id: string, name: string, actor: Actor, signed?: boolean): Promise<IssuedKey | undefined> {
    if (!(await insertDevice(q, { id, name, at: this.#now() }))) return undefined;
    await this.#firstConfig(q, id, actor);
    await this.#firstCamera(q, id, name);
    await revokeDeviceKeys(q, id, this.#now());
    await audit(q, actor, 'device.create', `device/${id}`, { name });
    await this.#context.notices.send(q, 'keys', id);
    return this.#context.keys.issue(q, id, { signed });
  }

  async #firstConfig(q: Queryable, id: string, actor: Actor): Promise<void> {
    if ((await findActiveConfig(q, id)) === undefined)
      await activateConfig(q, id, {}, { actor: actor.name, at: this.#now() });
  }

  async #firstCamera(q: Queryable, device: string, name: string): Promise<void> {
    const first = firstCameraOf(device);
    for (let n = 1; ; n++) {
      const id = n === 1 ? first : `${first.slice(0, 58)}-${n}`;
      if (this.#context.reservedCameraIds.has(id)) continue;
      if (await insertCamera(q, { id, device, name, driver: '', at: this.#now() })) return;
    }
  }

  #now(): Date {
    return new Date(this.#context.clock.now());
  }
}

function unknown(id: string): AppError {
  return new AppError('device.not_found', `There is no device "${id}".`);
}

function refuseBuiltIn(id: string, what: string): void {
  if (id === SERVER_DEVICE)
    throw new AppError('device.built_in', `The device "${SERVER_DEVICE}" is built in and cannot be ${what}.`);
}
