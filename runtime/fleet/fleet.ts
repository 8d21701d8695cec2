import type {
  CameraCreate,
  CameraPatch,
  CameraRecord,
  CameraWithKey,
  DeviceCreate,
  DevicePatch,
  DeviceRecord,
  DeviceRotate,
  DeviceWithKey,
} from '../contracts/api.ts';
import type { DeviceHost } from '../contracts/commands.ts';
import type { DetectionPlan } from '../contracts/detection.ts';
import type { DeviceConfig, DeviceConfigPatch, ServedConfig } from '../contracts/device-config.ts';
import { AppError } from '../contracts/errors.ts';
import type { Release } from '../contracts/host.ts';
import { isId, SERVICE_CAMERA } from '../contracts/ids.ts';
import type { DeviceInfoMessage, DeviceStateMessage, HeartbeatBody } from '../contracts/mqtt-messages.ts';
import type { Roi, RoiSet } from '../contracts/rois.ts';
import type { Actor, FleetService, KnownDevice } from '../contracts/services.ts';
import { forgetDeviceSessions, updateDeviceSeen } from '../db/devices.repo.ts';
import type { Part } from '../lib/part.ts';
import { CameraRegister } from './camera-register.ts';
import { Configuration } from './configuration.ts';
import type { FleetContext } from './context.ts';
import { DeviceKeys } from './device-keys.ts';
import { createDeviceNotes, type DeviceNotes } from './device-notes.ts';
import { DeviceRegister } from './device-register.ts';
import { DeviceWords } from './device-words.ts';
import { Notices } from './notices.ts';
import type { FleetOptions } from './options.ts';
import { Pairing } from './pairing.ts';
import { RoiBook } from './roi-book.ts';

const SEEN_EVERY_MS = 1000;

/** Builds the stage. It answers from the database at once; `start` listens for what other processes change. */
export function createFleet(options: FleetOptions): Fleet {
  return new Fleet(options);
}

/** The stage behind one face; see FleetService for what the doors ask. The rest is for `main` and the broker's handlers. */
export class Fleet implements FleetService, Part {
  readonly #context: FleetContext;
  readonly #devices: DeviceRegister;
  readonly #configuration: Configuration;
  readonly #cameras: CameraRegister;
  readonly #rois: RoiBook;
  readonly pairing: Pairing;
  readonly #revokedListeners = new Set<(device: string) => void>();
  readonly #seenAt = new Map<string, number>();
  readonly #configListeners = new Set<(device: string) => void>();
  readonly #presenceListeners = new Set<(device: string, isThere: boolean) => void>();
  readonly #words = new DeviceWords();
  readonly #notes: DeviceNotes;

  constructor(options: FleetOptions) {
    const notifyConfig: FleetOptions['notifyConfig'] = (device, version) => {
      for (const listener of this.#configListeners) listener(device);
      options.notifyConfig(device, version);
    };
    const onRevoked: FleetOptions['onRevoked'] = (device) => {
      for (const listener of this.#revokedListeners) listener(device);
      options.onRevoked(device);
    };
    this.#context = {
      ...options,
      notifyConfig,
      onRevoked,
      keys: new DeviceKeys(options),
      notices: new Notices(options.db),
    };
    this.#notes = createDeviceNotes(options);
    this.#devices = new DeviceRegister(this.#context);
    this.pairing = new Pairing(this.#context, this.#devices);
    this.#rois = new RoiBook(this.#context);
    this.#configuration = new Configuration(this.#context, () => this.#rois.forget());
    this.#cameras = new CameraRegister(this.#context);
  }

  async start(): Promise<void> {
    const { keys, notices, log } = this.#context;
    await notices.start({
      keys: (device) => {
        keys.forget();
        if (device !== undefined) this.#cutIfShutOut(device);
      },
      config: (device) => {
        this.#rois.forget();
        if (device === undefined) return;
        this.#configuration
          .passOn(device)
          .catch((error) => log.warn('a change of configuration was not passed on', { device, error }));
      },
      rois: (camera) => this.#rois.forget(camera),
      cameras: () => {
        keys.forget();
        this.#rois.forget();
        this.#cameras.tellListeners();
      },
    });
  }

  async stop(): Promise<void> {
    await this.#context.notices.stop();
  }

  // Devices ----------------------------------------------------------------------------------------------------------

  deviceOfKey(key: string): Promise<KnownDevice | undefined> {
    return this.#context.keys.holder(key);
  }

  signerOf(keyId: string): Promise<{ device: KnownDevice; secret: Buffer } | undefined> {
    return this.#context.keys.signer(keyId);
  }

  /** Calls when a device was shut out, or lost a key: whatever it holds open has to end. Those still good come back. */
  onRevoked(listener: (device: string) => void): Release {
    this.#revokedListeners.add(listener);
    return () => this.#revokedListeners.delete(listener);
  }

  devices(): Promise<DeviceRecord[]> {
    return this.#devices.list();
  }

  device(id: string): Promise<DeviceRecord> {
    return this.#devices.get(id);
  }

  async createDevice(body: DeviceCreate, actor: Actor): Promise<DeviceWithKey> {
    const made = await this.#devices.create(body, actor);
    this.#cameras.tellListeners();
    return made;
  }

  async patchDevice(id: string, change: DevicePatch, actor: Actor): Promise<DeviceRecord> {
    const device = await this.#devices.patch(id, change, actor);
    if (change.groups !== undefined || change.disabled === false) this.#context.onMembership?.(id);
    return device;
  }

  async deleteDevice(id: string, actor: Actor): Promise<void> {
    await this.#devices.remove(id, actor);
    this.#rois.forget();
    this.#cameras.tellListeners();
  }

  rotateKey(id: string, actor: Actor, body?: DeviceRotate): Promise<DeviceWithKey> {
    return this.#devices.rotateKey(id, actor, body);
  }

  /** Makes the device `server` where it is missing, and its camera at the address that the environment gives; to be called once at start. */
  async registerBuiltIn(serviceUrl?: string): Promise<void> {
    await this.#devices.registerServer();
    if (serviceUrl !== undefined) await this.#cameras.ensure(SERVICE_CAMERA, 'Camera service', serviceUrl);
  }

  /** For the demo: the device is there afterwards, and the answer's key works. */
  async ensureDevice(id: string, name: string, key?: string): Promise<{ created: boolean; api_key: string }> {
    const ensured = await this.#devices.ensure(id, name, key);
    if (ensured.created) this.#cameras.tellListeners();
    return ensured;
  }

  // What devices say -------------------------------------------------------------------------------------------------

  async heartbeat(body: HeartbeatBody): Promise<{ lastSeen: number }> {
    const now = this.#context.clock.now();
    const known = await this.#notes.heartbeat({
      id: body.device_id,
      rssi: body.rssi,
      batteryMv: body.battery_mv,
      fwVersion: body.fw_version,
      health: body.health,
      at: new Date(now),
    });
    if (!known) throw new AppError('device.not_found', `There is no device "${body.device_id}".`);
    const { device_id: device, ...heartbeat } = body;
    this.#words.say({ device, kind: 'heartbeat', at: now, heartbeat });
    return { lastSeen: now };
  }

  /** Something came from the device; noted at most once a second. */
  async markSeen(device: string): Promise<void> {
    const now = this.#context.clock.monotonicMs();
    const seen = this.#seenAt.get(device);
    if (seen !== undefined && now - seen < SEEN_EVERY_MS) return;
    this.#seenAt.set(device, now);
    await updateDeviceSeen(this.#context.db, device, new Date(this.#context.clock.now()));
  }

  /** What the device's `state` topic says. The farewell of a session older than the known one changes nothing. */
  async markOnline(device: string, state: DeviceStateMessage['state'], session: number): Promise<void> {
    const at = new Date(this.#context.clock.now());
    if (!(await this.#notes.state({ id: device, state, session, at }))) return;
    this.#words.say({ device, kind: 'state', at: at.getTime(), state });
    for (const listener of [...this.#presenceListeners]) listener(device, state !== 'offline');
  }

  /** The broker lost the device's last connection. */
  async markOffline(device: string): Promise<void> {
    await this.#notes.offline(device);
    this.#words.say({ device, kind: 'state', at: this.#context.clock.now(), state: 'offline' });
    for (const listener of [...this.#presenceListeners]) listener(device, false);
  }

  /** Calls when a device said that it is there, or is gone. Nobody has to ask for its record: a thousand may come at once. */
  onPresence(listener: (device: string, isThere: boolean) => void): Release {
    this.#presenceListeners.add(listener);
    return () => this.#presenceListeners.delete(listener);
  }

  /** A broker that just started knows of no connection: nobody is online until they say so. */
  async forgetSessions(): Promise<void> {
    await forgetDeviceSessions(this.#context.db);
  }

  /** The device's birth message: kept, and its cameras become rows of the register. */
  async noteInfo(device: string, info: DeviceInfoMessage): Promise<void> {
    await this.#notes.info({ id: device, info, at: new Date(this.#context.clock.now()) });
    await this.#cameras.announce(device, info.cameras);
    const { v: _v, ts: _ts, ...said } = info;
    this.#words.say({ device, kind: 'info', at: this.#context.clock.now(), info: said });
  }

  /** What devices say of themselves, for nodes. */
  get words(): DeviceHost {
    return this.#words;
  }

  // Configuration ----------------------------------------------------------------------------------------------------

  config(id: string): Promise<{ version: number; config: DeviceConfig }> {
    return this.#configuration.get(id);
  }

  /** Its number only, which costs a tenth of it; undefined for a device that has none. */
  configVersion(id: string): Promise<number | undefined> {
    return this.#configuration.version(id);
  }

  putConfig(id: string, change: DeviceConfigPatch, actor: Actor): Promise<{ version: number; config: DeviceConfig }> {
    return this.#configuration.put(id, change, actor);
  }

  servedConfig(id: string): Promise<ServedConfig> {
    return this.#configuration.served(id);
  }

  requestBurst(camera: string): Promise<boolean> {
    return this.#configuration.requestBurst(camera);
  }

  /** Calls when a device should look at its configuration again. */
  onConfigChanged(listener: (device: string) => void): Release {
    this.#configListeners.add(listener);
    return () => this.#configListeners.delete(listener);
  }

  // Cameras ----------------------------------------------------------------------------------------------------------

  cameras(device?: string): Promise<CameraRecord[]> {
    return this.#cameras.list(device);
  }

  camera(id: string): Promise<CameraRecord> {
    return this.#cameras.get(id);
  }

  createCamera(body: CameraCreate, actor: Actor): Promise<CameraRecord> {
    return this.#cameras.create(body, actor);
  }

  patchCamera(id: string, change: CameraPatch, actor: Actor): Promise<CameraRecord> {
    return this.#cameras.patch(id, change, actor);
  }

  async deleteCamera(id: string, actor: Actor): Promise<void> {
    await this.#cameras.remove(id, actor);
    this.#rois.forget(id);
  }

  renewCameraKey(id: string, actor: Actor): Promise<CameraWithKey> {
    return this.#cameras.renewKey(id, actor);
  }

  /** Cameras that the server itself captures, with their URLs: for the drivers, never for an answer. */
  serverCameras(): Promise<{ id: string; url: string }[]> {
    return this.#cameras.own();
  }

  /** Calls after each change of the camera register. */
  onCamerasChanged(listener: () => void): Release {
    return this.#cameras.onChanged(listener);
  }

  // ROIs -------------------------------------------------------------------------------------------------------------

  rois(camera: string): Promise<{ version: number; rois: Roi[] }> {
    return this.#rois.get(camera);
  }

  putRois(camera: string, body: RoiSet, actor: Actor): Promise<{ version: number; rois: Roi[] }> {
    return this.#rois.put(camera, body, actor);
  }

  detectionPlan(camera: string): Promise<DetectionPlan> {
    return this.#rois.plan(camera);
  }

  // Another process created, rotated, disabled or deleted: connections that are still good come back by themselves.
  #cutIfShutOut(device: string): void {
    if (isId(device)) this.#context.onRevoked(device);
  }
}
