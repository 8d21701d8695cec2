import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { StreamHost } from '../../runtime/contracts/streams.ts';
import type { Part } from '../../runtime/lib/part.ts';
import type { CameraSet } from '../../runtime/media/camera-set.ts';
import type { EdgeLive } from './live.ts';

export interface LiveGateOptions {
  cameras: CameraSet;
  clock: Clock;
  log: Log;
  ffmpegPath: string;
  /** folder for what costs a moment to make again */
  cacheFolder?: string;
  /** address that the HTTP port is bound to: WebRTC is not more open than it */
  host: string;
  /** 0: no WebRTC */
  udpPort: number;
}

/** The device's live pictures, loaded when somebody asks for the first time: a device that only sends stills is spared their memory. */
export class LiveGate implements Part {
  readonly #options: LiveGateOptions;
  #live: Promise<EdgeLive> | undefined;
  #stopped = false;
  #limit: [bitsPerSecond: number | undefined, reason: string] = [undefined, ''];

  constructor(options: LiveGateOptions) {
    this.#options = options;
  }

  /** Loads and starts them; after that the same ones for everybody. */
  open(): Promise<EdgeLive> {
    this.#live ??= this.#load();
    return this.#live;
  }

  /** The ones that are loaded; undefined while nobody asked. */
  opened(): Promise<EdgeLive> | undefined {
    return this.#live;
  }

  async streams(): Promise<StreamHost> {
    return (await this.open()).streams;
  }

  /** As `Streams.limit`, also for those that are loaded later. */
  async limit(bitsPerSecond: number | undefined, reason: string): Promise<void> {
    this.#limit = [bitsPerSecond, reason];
    (await this.#live)?.streams.limit(...this.#limit);
  }

  async start(): Promise<void> {
    this.#stopped = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await (await this.#live)?.stop();
  }

  async #load(): Promise<EdgeLive> {
    const { createEdgeLive } = await import('./live.ts');
    const live = createEdgeLive(this.#options);
    live.streams.limit(...this.#limit);
    if (!this.#stopped) await live.start();
    return live;
  }
}
