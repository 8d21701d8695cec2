import type { CameraSettingsChange } from '../../contracts/cameras.ts';
import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock, Log, Release } from '../../contracts/host.ts';
import type { StreamHost, StreamReader, StreamStatus, StreamSubscription } from '../../contracts/streams.ts';
import type { Part } from '../../lib/part.ts';
import type { CameraUrl } from '../camera-url.ts';
import { type HubLimits, StreamHub } from './hub.ts';
import type { SourceLimits, SourceParts } from './process-source.ts';
import type { CreateParts } from './sources/create.ts';
import { createSource, noStream } from './sources/create.ts';
import { FoundSource } from './sources/found.ts';
import type { StreamSource } from './stream-source.ts';

/** Where a stream comes from: a camera's own address, or the device that it hangs at. */
export type StreamAddress = CameraUrl | UplinkAddress;

export interface UplinkAddress {
  kind: 'uplink';
  device: string;
  camera: string;
}

/** What the streams have to know of a host's cameras. */
export interface StreamedCameras {
  /** ids, in the order in which they came */
  ids(): string[];
  /** The id itself, or for an empty one the first; throws `camera.not_found`. */
  resolve(camera: string): string;
  /** The address in force; undefined for an unknown camera. */
  address(camera: string): StreamAddress | undefined;
  /** Why no stream can come of it now although nobody tried, in words. */
  trouble?(camera: string): string | undefined;
  /** What `auto` stands for on this machine now; any other address as it is. */
  find(url: CameraUrl): Promise<Exclude<CameraUrl, { kind: 'auto' }>>;
  /** How the camera was set through Redeye. */
  settingsOf(camera: string): CameraSettingsChange;
  /** Has the camera's stills let go of its device, which a stream is about to open. */
  release(camera: string): Promise<void>;
  /** Calls when a camera comes, goes, or gets another address or other settings. */
  watch(onChange: (camera: string) => void): Release;
}

export interface StreamsOptions {
  cameras: StreamedCameras;
  clock: Clock;
  log: Log;
  ffmpegPath: string;
  rpicamVid: readonly string[];
  v4l2Ctl?: string;
  /** folder for what was encoded once; without it, it is encoded anew after each start */
  cacheFolder?: string | undefined;
  random?: () => number;
  hubLimits?: Partial<HubLimits>;
  sourceLimits?: Partial<SourceLimits>;
  /** The source of a camera that hangs at a device; without it those have no stream here. */
  uplink?: ((address: UplinkAddress, parts: SourceParts) => StreamSource) | undefined;
}

export interface Streams extends StreamHost, Part {
  /** Whether the camera's source runs, and so holds its device. */
  isRunning(camera: string): boolean;
  /** Has the camera's source let go of its device while `work` is done; readers see a gap with the reason. */
  pause<T>(camera: string, reason: string, work: () => Promise<T>): Promise<T>;
  /**
   * Has pictures that this machine encodes itself take at most so many bits a second from now on; undefined: as many as usual. Readers
   * see a gap with the reason. What cameras encode passes as it is.
   */
  limit(bitsPerSecond: number | undefined, reason: string): void;
}

/** What is encoded here, or may be. */
const ENCODED_HERE = new Set<StreamAddress['kind']>(['rpicam', 'v4l2', 'auto']);

/**
 * The live streams over a set of cameras. A camera's hub is made when it is first asked for, and follows the camera: another address
 * is a gap for its readers, its removal their end.
 */
export function createStreams(options: StreamsOptions): Streams {
  return new CameraStreams(options);
}

class CameraStreams implements Streams {
  readonly #options: StreamsOptions;
  readonly #parts: CreateParts;
  readonly #hubs = new Map<string, { hub: StreamHub; address: string; settings: string }>();
  readonly #closing = new Set<Promise<void>>();
  #release: Release = () => {};
  #state: 'open' | 'stopped' = 'open';
  #limit: number | undefined;

  constructor(options: StreamsOptions) {
    this.#options = options;
    const { clock, log, random, sourceLimits: limits, ffmpegPath, rpicamVid, v4l2Ctl, cacheFolder } = options;
    this.#parts = { clock, log, random, limits, ffmpegPath, rpicamVid, v4l2Ctl, cacheFolder };
  }

  async start(): Promise<void> {
    this.#state = 'open';
    this.#release();
    this.#release = this.#options.cameras.watch((camera) => this.#follow(camera));
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#release();
    for (const camera of [...this.#hubs.keys()]) this.#drop(camera);
    await Promise.all(this.#closing);
  }

  isRunning(camera: string): boolean {
    return this.#hubs.get(camera)?.hub.isRunning ?? false;
  }

  pause<T>(camera: string, reason: string, work: () => Promise<T>): Promise<T> {
    return this.#hubs.get(camera)?.hub.pause(reason, work) ?? work();
  }

  limit(bitsPerSecond: number | undefined, reason: string): void {
    if (this.#limit === bitsPerSecond) return;
    this.#limit = bitsPerSecond;
    for (const [camera, { hub }] of this.#hubs) {
      const address = this.#options.cameras.address(camera);
      if (address && ENCODED_HERE.has(address.kind)) hub.replace(this.#source(camera, address), reason);
    }
  }

  subscribe(camera: string, reader: StreamReader): StreamSubscription {
    return this.#hub(camera).subscribe(reader);
  }

  status(camera: string): StreamStatus {
    const id = this.#options.cameras.resolve(camera);
    const address = this.#options.cameras.address(id);
    const refusal = address && address.kind !== 'uplink' ? noStream(address) : undefined;
    if (refusal) throw refusal;
    return this.#status(id);
  }

  #status(id: string): StreamStatus {
    const status = this.#hubs.get(id)?.hub.status() ?? idle(id);
    const reason = status.state === 'idle' ? this.#options.cameras.trouble?.(id) : undefined;
    return reason === undefined ? status : { ...status, reason };
  }

  list(): StreamStatus[] {
    return this.#options.cameras.ids().map((id) => this.#status(id));
  }

  keepWarm(camera: string): Release {
    return this.#hub(camera).keepWarm();
  }

  #hub(camera: string): StreamHub {
    const id = this.#options.cameras.resolve(camera);
    if (this.#state === 'stopped') throw new AppError('camera.unreachable', 'the streams have been stopped');
    const known = this.#hubs.get(id);
    if (known) return known.hub;
    const address = this.#options.cameras.address(id);
    if (!address) throw new AppError('camera.not_found', `there is no camera ${JSON.stringify(id)} here`);
    const { clock, log, hubLimits } = this.#options;
    const source = this.#source(id, address);
    const hub = new StreamHub({ camera: id, source, clock, log: log.child(id), limits: hubLimits });
    this.#hubs.set(id, { hub, address: JSON.stringify(address), settings: this.#settings(id) });
    return hub;
  }

  #source(id: string, address: StreamAddress): StreamSource {
    const { cameras, uplink } = this.#options;
    const parts = {
      ...this.#parts,
      log: this.#parts.log.child(id),
      settings: cameras.settingsOf(id),
      limitBits: this.#limit,
      release: () => cameras.release(id),
    };
    if (address.kind === 'uplink') {
      if (uplink) return uplink(address, parts);
      throw new AppError('camera.no_stream', 'no streams of devices are taken here');
    }
    if (address.kind !== 'auto') return createSource(address, parts);
    const find = async () => createSource(await cameras.find(address), parts);
    return new FoundSource(find, parts);
  }

  #follow(camera: string): void {
    const known = this.#hubs.get(camera);
    if (!known) return;
    const address = this.#options.cameras.address(camera);
    if (!address) {
      this.#drop(camera);
      return;
    }
    const text = JSON.stringify(address);
    const settings = this.#settings(camera);
    const isMoved = text !== known.address;
    if (!isMoved && settings === known.settings) return;
    try {
      const why = isMoved ? 'the camera was given another address' : 'the camera starts anew with other settings';
      known.hub.replace(this.#source(camera, address), why);
      known.address = text;
      known.settings = settings;
    } catch (thrown) {
      // The new address gives stills only: whoever reads is told the end, whoever comes gets the reason.
      this.#options.log.warn('the stream of a camera ends', { camera, reason: toAppError(thrown).message });
      this.#drop(camera);
    }
  }

  #settings(camera: string): string {
    return JSON.stringify(this.#options.cameras.settingsOf(camera));
  }

  #drop(camera: string): void {
    const known = this.#hubs.get(camera);
    if (!known) return;
    this.#hubs.delete(camera);
    const closing = known.hub.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function idle(camera: string): StreamStatus {
  return { camera, state: 'idle', readers: 0, fps: 0, bitsPerSecond: 0, restarts: 0, discarded: 0 };
}
