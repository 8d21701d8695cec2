import type { CameraSettings, CameraSettingsChange, CameraStatus, CaptureOptions } from '../contracts/cameras.ts';
import { AppError } from '../contracts/errors.ts';
import type { Still } from '../contracts/frame.ts';
import type { CameraHost, Clock, Log, Release } from '../contracts/host.ts';
import { isId } from '../contracts/ids.ts';
import type { RemoteCamera } from '../contracts/remote-cameras.ts';
import type { Part } from '../lib/part.ts';
import { type AutoSearch, findCamera } from './auto.ts';
import { Camera } from './camera.ts';
import { type CameraUrl, parseCameraUrl } from './camera-url.ts';
import { createDriver } from './drivers/create.ts';
import { type DriverParts, RPICAM_VID } from './drivers/parts.ts';
import { fitJpeg } from './picture-fit.ts';
import { checkSettings } from './settings-check.ts';
import type { StreamedCameras } from './stream/streams.ts';

export interface CameraSetOptions {
  cameras?: { id: string; url: string }[];
  clock: Clock;
  log: Log;
  /** default: `ffmpeg`, from PATH */
  ffmpegPath?: string;
  rpicamVid?: readonly string[];
  /** how long a camera service may take for an answer, ms; default 30000 */
  serviceTimeoutMs?: number | undefined;
  v4l2Ctl?: string;
  /** throws for an address that must not be reached; for where a camera sends us on */
  checkUrl?: (url: string) => Promise<void>;
  /** where `auto` looks; default: this machine */
  search?: Partial<AutoSearch>;
  random?: () => number;
  limits?: DriverParts['limits'];
}

/** Stills of cameras whose stream runs. */
export interface StreamStills {
  /** Whether the camera's stream holds its device. */
  isRunning(camera: string): boolean;
  /** The picture of now from the stream; `takenAt` epoch ms. */
  take(camera: string, signal?: AbortSignal): Promise<{ jpeg: Buffer; takenAt: number }>;
  /** Has the stream let go of the device while `work` is done; its viewers see a gap with the reason. */
  pause<T>(camera: string, reason: string, work: () => Promise<T>): Promise<T>;
}

/** The cameras of one host. `define` and `remove` follow its register; `declare` is what a flow says while it runs. */
export interface CameraSet extends Part, CameraHost, StreamedCameras {
  /** Adds a camera or gives it another URL; the old driver is closed. Throws `camera.url_invalid`, `camera.driver_missing`. */
  define(camera: { id: string; url: string }): void;
  /** Forgets a defined camera; one that a flow declares stays until the flow lets go. */
  remove(id: string): Promise<void>;
  /** What a camera's own machine does besides stills; undefined where there is none. Throws `camera.not_found`. */
  remote(camera: string): Promise<RemoteCamera | undefined>;
  /** While a stream holds a device that only one program can open, stills come from there. */
  takeStillsFrom(stills: StreamStills): void;
}

/** Devices that one program at a time can open; `auto` may stand for one. */
const EXCLUSIVE = new Set(['rpicam', 'v4l2', 'auto']);

/**
 * Makes the set; nothing is opened before the first capture. Cameras do not hurt each other: each has its own driver and
 * its own errors. A flow's declaration goes before the definition of the same id, and gives way to it when it ends.
 */
export function createCameraSet(options: CameraSetOptions): CameraSet {
  return new Cameras(options);
}

interface Entry {
  defined?: string;
  /** what flows declare, the last one counts */
  declared: { url: string }[];
  camera?: Camera;
  /** URL of the camera that is there */
  url?: string;
  /** what was set, at the camera of that URL */
  set?: { url: string; values: CameraSettingsChange };
}

class Cameras implements CameraSet {
  readonly #parts: DriverParts;
  readonly #search: AutoSearch;
  readonly #entries = new Map<string, Entry>();
  readonly #closing = new Set<Promise<void>>();
  readonly #watchers = new Set<(camera: string) => void>();
  #stills: StreamStills | undefined;
  #state: 'open' | 'stopped' = 'open';

  constructor(options: CameraSetOptions) {
    const { clock, log, ffmpegPath = 'ffmpeg', rpicamVid = RPICAM_VID, random, limits } = options;
    const { serviceTimeoutMs, v4l2Ctl, checkUrl } = options;
    this.#parts = { clock, log, ffmpegPath, rpicamVid, serviceTimeoutMs, v4l2Ctl, checkUrl, random, limits };
    this.#search = { rpicamVid, ...options.search };
    for (const camera of options.cameras ?? []) this.define(camera);
  }

  async start(): Promise<void> {
    this.#state = 'open';
    for (const [id, entry] of this.#entries) this.#settle(id, entry);
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    for (const entry of this.#entries.values()) this.#drop(entry);
    await Promise.all(this.#closing);
  }

  define({ id, url }: { id: string; url: string }): void {
    const entry = this.#entry(id, url);
    entry.defined = url;
    this.#settle(id, entry);
  }

  async remove(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.defined = undefined;
    this.#settle(id, entry);
    await Promise.all(this.#closing);
  }

  declare({ id, url }: { id: string; url: string }): Release {
    const entry = this.#entry(id, url);
    const declaration = { url };
    entry.declared.push(declaration);
    this.#settle(id, entry);
    return () => {
      if (!entry.declared.includes(declaration)) return;
      entry.declared = entry.declared.filter((other) => other !== declaration);
      this.#settle(id, entry);
    };
  }

  list(): CameraStatus[] {
    return [...this.#entries].flatMap(([id, { camera, defined }]) => {
      if (!camera) return [];
      return [{ id, ...camera.status(), ...(defined === undefined && { byFlow: true as const }) }];
    });
  }

  ids(): string[] {
    return [...this.#entries.keys()];
  }

  address(camera: string): CameraUrl | undefined {
    const url = this.#entries.get(camera)?.url;
    return url === undefined ? undefined : parseCameraUrl(url);
  }

  watch(onChange: (camera: string) => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  resolve(camera: string): string {
    if (this.#entries.has(camera)) return camera;
    const [first] = this.#entries.keys();
    if (camera === '' && first !== undefined) return first;
    // The others stand apart from the words: whoever asks over HTTP may not be allowed to know of them.
    const words = camera === '' ? 'this host has no camera' : `there is no camera ${JSON.stringify(camera)} here`;
    throw new AppError('camera.not_found', words, { known: this.ids() });
  }

  async capture(camera: string, options: CaptureOptions = {}, signal?: AbortSignal): Promise<Still> {
    const id = this.resolve(camera);
    const found = this.#entries.get(id)?.camera;
    if (this.#state === 'stopped' || !found) throw new AppError('camera.unreachable', 'the cameras have been stopped');
    const isShared = () => EXCLUSIVE.has(found.status().driver) && this.#stills?.isRunning(id);
    if (isShared() && options.full && this.#stills) {
      const take = async () => ({ ...(await found.capture(options, signal)), camera: id });
      return this.#stills.pause(id, 'a still in full resolution is taken', take);
    }
    if (isShared()) return this.#fromStream(id, options, signal);
    try {
      return { ...(await found.capture(options, signal)), camera: id };
    } catch (error) {
      // A stream has begun meanwhile and taken the device over.
      if (!signal?.aborted && isShared()) return this.#fromStream(id, options, signal);
      throw error;
    }
  }

  async settings(camera: string): Promise<CameraSettings> {
    const face = await this.#face(this.resolve(camera));
    return face ? face.read() : { ranges: {}, available_resolutions: [] };
  }

  async applySettings(camera: string, change: CameraSettingsChange): Promise<CameraSettings> {
    const id = this.resolve(camera);
    const entry = this.#entries.get(id);
    const { camera: found, url } = entry ?? {};
    const face = await this.#face(id);
    if (!entry || !face || url === undefined) throw nothingToSet(id);
    checkSettings(change, await face.read());
    const how = await face.apply(change);
    // It may have been removed or given another address meanwhile.
    if (entry.camera !== found) return this.settings(id);
    entry.set = { url, values: { ...valuesOf(entry), ...change } };
    if (how === 'restart') this.#renew(id, entry, url);
    this.#parts.log.info('camera set', { camera: id, ...change });
    return this.settings(id);
  }

  async remote(camera: string): Promise<RemoteCamera | undefined> {
    const found = this.#entries.get(this.resolve(camera))?.camera;
    if (this.#state === 'stopped' || !found) throw new AppError('camera.unreachable', 'the cameras have been stopped');
    return found.remote();
  }

  settingsOf(camera: string): CameraSettingsChange {
    const entry = this.#entries.get(camera);
    return entry ? valuesOf(entry) : {};
  }

  takeStillsFrom(stills: StreamStills): void {
    this.#stills = stills;
  }

  async release(camera: string): Promise<void> {
    // A driver that was replaced may still be on its way out.
    await Promise.all(this.#closing);
    await this.#entries.get(camera)?.camera?.rest();
  }

  async #fromStream(camera: string, options: CaptureOptions, signal?: AbortSignal): Promise<Still> {
    const picture = await this.#stills?.take(camera, signal);
    if (!picture) throw new AppError('camera.no_picture', 'the stream gives no stills');
    return { ...(await fitJpeg(picture.jpeg, picture.takenAt, options)), camera };
  }

  async #face(id: string) {
    const camera = this.#entries.get(id)?.camera;
    if (this.#state === 'stopped' || !camera) throw new AppError('camera.unreachable', 'the cameras have been stopped');
    return camera.control();
  }

  /** The entry of an id; id and URL are checked before anything changes. */
  #entry(id: string, url: string): Entry {
    if (!isId(id)) throw new AppError('camera.not_found', `${JSON.stringify(id)} cannot be the id of a camera`);
    this.#checkDriver(parseCameraUrl(url));
    const entry = this.#entries.get(id) ?? { declared: [] };
    this.#entries.set(id, entry);
    return entry;
  }

  #checkDriver(url: CameraUrl): void {
    if (url.kind !== 'auto') createDriver(url, this.#parts);
  }

  /** Brings the camera in line with what is declared or defined now. */
  #settle(id: string, entry: Entry): void {
    const url = entry.declared.at(-1)?.url ?? entry.defined;
    if (url === entry.url && entry.camera) return;
    this.#drop(entry);
    if (url === undefined) {
      this.#entries.delete(id);
      this.#tell(id);
      return;
    }
    if (this.#state === 'stopped') return;
    this.#renew(id, entry, url);
  }

  /** Another driver for the entry; whatever the one before holds is given back first. */
  #renew(id: string, entry: Entry, url: string): void {
    this.#drop(entry);
    const before = [...this.#closing];
    const parsed = parseCameraUrl(url);
    const log = this.#parts.log.child(id);
    entry.url = url;
    const parts = { ...this.#parts, log, settings: valuesOf(entry) };
    entry.camera = new Camera(parsed.kind, async () => {
      await Promise.allSettled(before);
      return createDriver(await this.find(parsed, log), parts);
    });
    this.#tell(id);
  }

  #tell(id: string): void {
    for (const watcher of [...this.#watchers]) watcher(id);
  }

  async find(url: CameraUrl, log: Log = this.#parts.log): Promise<Exclude<CameraUrl, { kind: 'auto' }>> {
    if (url.kind !== 'auto') return url;
    const { url: found, found: isCamera } = await findCamera(this.#search);
    if (found.kind === 'auto') throw new AppError('internal.error', 'the search for a camera led nowhere');
    if (isCamera) log.info('camera found', { driver: found.kind });
    else log.warn('no camera found on this machine: test pictures are played instead');
    return found;
  }

  #drop(entry: Entry): void {
    const camera = entry.camera;
    entry.camera = undefined;
    entry.url = undefined;
    if (!camera) return;
    const closing = camera.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** What was set at the camera that is there now. */
function valuesOf({ set, url }: Entry): CameraSettingsChange {
  return set && set.url === url ? set.values : {};
}

function nothingToSet(camera: string): AppError {
  return new AppError('camera.setting_invalid', `nothing can be set at ${camera} from here: use its own page`);
}
