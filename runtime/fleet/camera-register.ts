import type { CameraCreate, CameraPatch, CameraRecord, CameraWithKey } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';
import type { Release } from '../contracts/host.ts';
import { isId, SERVER_DEVICE } from '../contracts/ids.ts';
import type { DeviceInfoMessage } from '../contracts/mqtt-messages.ts';
import type { Actor } from '../contracts/services.ts';
import {
  type CameraRow,
  findCamera,
  findCameraDevice,
  findCameraDrivers,
  insertCamera,
  listCameras,
  listCamerasWithUrl,
  markCameraDeleted,
  updateCamera,
  updateCameraDriver,
} from '../db/cameras.repo.ts';
import type { Queryable } from '../db/db.ts';
import { lockDevice } from '../db/devices.repo.ts';
import { batched } from '../lib/batched.ts';
import { changedAccess, newCameraKey, openAccess, withAccess } from './camera-access.ts';
import { audit, type FleetContext } from './context.ts';
import { CROWD } from './crowd.ts';
import { time } from './device-record.ts';
import { slug } from './slug.ts';

/** Who does what the environment says. */
const SETUP: Actor = { name: 'setup' };

/** The cameras: the server's own, whose URLs it keeps sealed, and those that devices announce. */
export class CameraRegister {
  readonly #context: FleetContext;
  readonly #listeners = new Set<() => void>();
  readonly #driversOf: (ids: readonly string[]) => ReturnType<typeof findCameraDrivers>;

  constructor(context: FleetContext) {
    this.#context = context;
    this.#driversOf = batched({
      crowd: CROWD,
      clock: context.clock,
      keyOf: (ids) => ids.join(),
      async ask(all) {
        const drivers = await findCameraDrivers(context.db, all.flat());
        return () => drivers;
      },
    });
  }

  /** Every camera, or those of one device, by id. */
  async list(device?: string): Promise<CameraRecord[]> {
    return (await listCameras(this.#context.db, device)).map((row) => this.#record(row));
  }

  /** One camera; throws `camera.not_found`. */
  async get(id: string, q: Queryable = this.#context.db): Promise<CameraRecord> {
    const row = await findCamera(q, id);
    if (row === undefined) throw unknown(id);
    return this.#record(row);
  }

  /** Puts a camera into the register; only the server's own have a URL, since a device knows its cameras itself. */
  async create(body: CameraCreate, actor: Actor): Promise<CameraRecord> {
    const device = body.device ?? SERVER_DEVICE;
    if (body.url !== undefined) await this.#mayHaveUrl(device, body.url);
    if (device !== SERVER_DEVICE && (body.key !== undefined || body.headers !== undefined))
      throw new AppError('request.invalid', 'Only cameras of the server are sent a key by it.', { field: 'key' });
    if (body.id !== undefined) this.#refuseReserved(body.id);
    const record = await this.#context.db.tx(async (q) => {
      if (!(await lockDevice(q, device)))
        throw new AppError('device.not_found', `There is no device "${device}".`, { field: 'device' });
      const id = await this.#insert(q, { ...body, device });
      await audit(q, actor, 'camera.create', `camera/${id}`, { name: body.name, device });
      await this.#context.notices.send(q, 'cameras', id);
      return this.get(id, q);
    });
    this.#changed();
    return record;
  }

  /**
   * One of the server's own, at an address that the environment gives, which is not asked whether it may be reached: made, brought back,
   * or moved there. A camera of a device under that id stays what it is, and this is said.
   */
  async ensure(id: string, name: string, url: string): Promise<void> {
    const { db, log } = this.#context;
    await db.tx(async (q) => {
      const row = await findCamera(q, id);
      if (row !== undefined && row.device_id !== SERVER_DEVICE) {
        log.warn('a device has a camera of this id: the one that the environment names was not made', { camera: id });
      } else if (row === undefined) {
        await this.#insert(q, { id, name, url, device: SERVER_DEVICE });
        await audit(q, SETUP, 'camera.create', `camera/${id}`, { name, device: SERVER_DEVICE });
      } else if (this.#urlOf(row) !== url) {
        await updateCamera(q, id, { at: this.#now(), ...this.#sealed(url) });
        await audit(q, SETUP, 'camera.patch', `camera/${id}`, { url_changed: true });
      } else return;
      await this.#context.notices.send(q, 'cameras', id);
    });
    this.#changed();
  }

  /** Changes name or URL; without a URL the old one stays. */
  async patch(id: string, change: CameraPatch, actor: Actor): Promise<CameraRecord> {
    const { url } = change;
    // Before the transaction: looking a name up may take seconds.
    if (url !== undefined) {
      const camera = await findCamera(this.#context.db, id);
      if (camera === undefined) throw unknown(id);
      await this.#mayHaveUrl(camera.device_id, url);
    }
    const record = await this.#context.db.tx(async (q) => {
      const row = await findCamera(q, id);
      if (row === undefined) throw unknown(id);
      const access = this.#changedAccess(row.access, change);
      if (access !== undefined && row.device_id !== SERVER_DEVICE)
        throw new AppError('request.invalid', 'Only cameras of the server are sent a key by it.', { field: 'key' });
      const { name, description } = change;
      await updateCamera(q, id, { at: this.#now(), name, description, ...this.#sealed(url), access });
      const changed = { url_changed: url !== undefined, access_changed: access !== undefined };
      await audit(q, actor, 'camera.patch', `camera/${id}`, { name: change.name, ...changed });
      await this.#context.notices.send(q, 'cameras', id);
      return this.get(id, q);
    });
    this.#changed();
    return record;
  }

  /** Makes up another key for the camera, shown this once; throws `camera.not_found`, and `request.invalid` for a device's. */
  async renewKey(id: string, actor: Actor): Promise<CameraWithKey> {
    const key = newCameraKey();
    const record = await this.#context.db.tx(async (q) => {
      const row = await findCamera(q, id);
      if (row === undefined) throw unknown(id);
      if (row.device_id !== SERVER_DEVICE)
        throw new AppError('request.invalid', 'Only cameras of the server are sent a key by it.', { field: 'id' });
      await updateCamera(q, id, { at: this.#now(), access: this.#changedAccess(row.access, { key }) });
      await audit(q, actor, 'camera.renew-key', `camera/${id}`);
      await this.#context.notices.send(q, 'cameras', id);
      return { ...(await this.get(id, q)), key };
    });
    this.#changed();
    return record;
  }

  /** Takes a camera out of the register; its frames and events stay. A device's camera comes back when the device announces it. */
  async remove(id: string, actor: Actor): Promise<void> {
    await this.#context.db.tx(async (q) => {
      if ((await findCameraDevice(q, id)) === undefined) throw unknown(id);
      await markCameraDeleted(q, id, this.#now());
      await audit(q, actor, 'camera.delete', `camera/${id}`);
      await this.#context.notices.send(q, 'cameras', id);
    });
    this.#changed();
  }

  /** Takes over what a device says of its cameras; another's camera or an impossible id is left out, and said. */
  async announce(device: string, cameras: DeviceInfoMessage['cameras']): Promise<void> {
    if (cameras.length === 0) return;
    let added = false;
    const ids = cameras.map(({ id }) => id).filter(isId);
    const known = await this.#driversOf(ids);
    for (const camera of cameras) {
      const possible = ids.includes(camera.id) && !this.#context.reservedCameraIds.has(camera.id);
      // One that has had such an id since before it was taken keeps it.
      const { device_id: owner, driver } = known.get(camera.id) ?? {};
      if (owner === device) {
        if (driver !== camera.driver) await updateCameraDriver(this.#context.db, camera.id, camera.driver);
      } else if (!possible || owner !== undefined) {
        this.#context.log.warn('camera announced under an id that it cannot have', { device, camera: camera.id });
      } else {
        const made = { id: camera.id, device, name: camera.id, driver: camera.driver, at: this.#now() };
        await this.#context.db.tx(async (q) => {
          await insertCamera(q, made);
          await this.#context.notices.send(q, 'cameras', camera.id);
        });
        added = true;
      }
    }
    if (added) this.#changed();
  }

  /** What the server itself has to capture. A URL that cannot be unsealed (the key file is another one) is left out, and said. */
  async own(): Promise<{ id: string; url: string }[]> {
    const rows = await listCamerasWithUrl(this.#context.db, SERVER_DEVICE);
    return rows.flatMap(({ id, url, access }) => {
      try {
        const { urlCipher } = this.#context;
        return [{ id, url: withAccess(urlCipher.open(url), openAccess(urlCipher, access)) }];
      } catch (error) {
        this.#context.log.error("the camera's URL cannot be unsealed: give it again", { camera: id, error });
        return [];
      }
    });
  }

  /** Calls after each change of the register, in this or another process. */
  onChanged(listener: () => void): Release {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Somebody else changed the register. */
  tellListeners(): void {
    for (const listener of this.#listeners) listener();
  }

  #changed(): void {
    this.#context.keys.forget();
    this.tellListeners();
  }

  async #insert(q: Queryable, camera: CameraCreate & { device: string }): Promise<string> {
    const { url, driver = '' } = this.#sealed(camera.url);
    const access = this.#changedAccess(null, camera);
    const { name, description } = camera;
    const row = { device: camera.device, name, description, at: this.#now(), url, driver, access };
    if (camera.id !== undefined) {
      if (await insertCamera(q, { ...row, id: camera.id })) return camera.id;
      throw new AppError('camera.exists', `There is a camera "${camera.id}" already.`, { field: 'id' });
    }
    const wanted = slug(camera.name, 'camera');
    for (let n = 1; ; n++) {
      const id = n === 1 ? wanted : `${wanted}-${n}`;
      if (this.#context.reservedCameraIds.has(id)) continue;
      if (await insertCamera(q, { ...row, id })) return id;
    }
  }

  /** Undefined also for one that was sealed by another key. */
  #urlOf({ url }: CameraRow): string | undefined {
    try {
      return url === null ? undefined : this.#context.urlCipher.open(url);
    } catch {
      return undefined;
    }
  }

  /** Sealed; undefined when nothing of it is named. */
  #changedAccess(before: string | null, change: Pick<CameraPatch, 'key' | 'headers'>): string | undefined {
    if (change.key === undefined && change.headers === undefined) return undefined;
    const { urlCipher } = this.#context;
    return urlCipher.seal(JSON.stringify(changedAccess(openAccess(urlCipher, before), change)));
  }

  /** What may be told of it: never what is sent. */
  #shownAccess(row: CameraRow): Pick<CameraRecord, 'has_key' | 'headers'> {
    try {
      const { key, headers } = openAccess(this.#context.urlCipher, row.access);
      return { has_key: key !== null, headers: headers.map((header) => header.key) };
    } catch (error) {
      this.#context.log.error('what a camera is sent cannot be unsealed: give it again', { camera: row.id, error });
      return { has_key: false, headers: [] };
    }
  }

  #sealed(url: string | undefined): { url?: string; driver?: string } {
    if (url === undefined) return {};
    return { url: this.#context.urlCipher.seal(url), driver: driverOf(url) };
  }

  async #mayHaveUrl(device: string, url: string): Promise<void> {
    if (device !== SERVER_DEVICE) {
      const message = 'Only cameras of the server have a URL here; a device is told its own in its settings.';
      throw new AppError('request.invalid', message, { field: 'url' });
    }
    await this.#context.checkUrl(url);
  }

  #refuseReserved(id: string): void {
    if (this.#context.reservedCameraIds.has(id)) {
      const message = `"${id}" is the beginning of an address in use and cannot name a camera.`;
      throw new AppError('camera.id_reserved', message, { field: 'id' });
    }
  }

  #record(row: CameraRow): CameraRecord {
    return {
      id: row.id,
      name: row.name,
      description: row.description,
      device: row.device_id,
      driver: row.driver,
      state: this.#stateOf(row),
      last_frame: time(row.last_frame_at),
      created_at: row.created_at.toISOString(),
      updated_at: (row.updated_at ?? row.created_at).toISOString(),
      ...this.#shownAccess(row),
    };
  }

  #stateOf(row: CameraRow): string {
    if (row.device_id === SERVER_DEVICE) return this.#context.localCameraState?.(row.id) ?? 'idle';
    const announced = row.device_info.cameras;
    const cameras: unknown[] = Array.isArray(announced) ? announced : [];
    for (const camera of cameras as Partial<DeviceInfoMessage['cameras'][number]>[]) {
      if (camera.id === row.id && row.device_state !== 'offline') return camera.state ?? 'unknown';
    }
    return 'unknown';
  }

  #now(): Date {
    return new Date(this.#context.clock.now());
  }
}

/** The kind of driver that a camera URL asks for: what stands before its first colon. */
export function driverOf(url: string): string {
  return (url.split(':')[0] ?? '').toLowerCase();
}

function unknown(id: string): AppError {
  return new AppError('camera.not_found', `There is no camera "${id}".`);
}
