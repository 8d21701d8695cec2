import { randomBytes } from 'node:crypto';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { HlsService, HlsStatus, LiveFile, PlaylistAsk } from '../../contracts/live-outputs.ts';
import type { StreamHost } from '../../contracts/streams.ts';
import type { Part } from '../../lib/part.ts';
import { Muxer } from './muxer.ts';

/** A muxer that nobody asked for so long is closed. */
const IDLE_MS = 60_000;

export interface HlsOptions {
  streams: Pick<StreamHost, 'subscribe'>;
  clock: Clock;
  /** makes names unguessable; hexadecimal */
  newStamp?: () => string;
}

/** LL-HLS of all cameras: one muxer a camera, made with the first request and closed 60 s after the last. */
export class Hls implements HlsService, Part {
  readonly #options: HlsOptions;
  readonly #muxers = new Map<string, Muxer>();
  /** stops the clock that closes the camera's muxer */
  readonly #timers = new Map<string, () => void>();
  #state: 'open' | 'stopped' = 'open';

  constructor(options: HlsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#state = 'open';
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    for (const [camera, muxer] of [...this.#muxers]) {
      muxer.close();
      this.#forget(camera, muxer);
    }
  }

  async index(camera: string, query: string): Promise<string> {
    return this.#muxer(camera).index(query);
  }

  async playlist(camera: string, ask: PlaylistAsk): Promise<string> {
    return this.#muxer(camera).playlist(ask);
  }

  async file(camera: string, name: string): Promise<LiveFile> {
    const muxer = this.#muxers.get(camera);
    // Names of a muxer that was closed meanwhile lead nowhere, and are no reason to make one.
    if (!muxer?.owns(name)) {
      throw new AppError('stream.gone', 'this piece of the stream is not kept any more: load the playlist again');
    }
    muxer.askedMs = this.#options.clock.monotonicMs();
    return muxer.file(name);
  }

  status(): HlsStatus[] {
    return [...this.#muxers.values()].map((muxer) => muxer.status());
  }

  keepOpen(camera: string): void {
    this.#muxer(camera);
  }

  #muxer(camera: string): Muxer {
    if (this.#state === 'stopped') throw new AppError('camera.unreachable', 'the streams have been stopped');
    const { clock, streams, newStamp = () => randomBytes(8).toString('hex') } = this.#options;
    const known = this.#muxers.get(camera);
    if (known) {
      known.askedMs = clock.monotonicMs();
      return known;
    }
    const muxer: Muxer = new Muxer({
      camera,
      streams,
      clock,
      stamp: newStamp(),
      onEnd: () => this.#forget(camera, muxer),
    });
    this.#muxers.set(camera, muxer);
    this.#closeWhenIdle(camera, muxer, IDLE_MS);
    return muxer;
  }

  #closeWhenIdle(camera: string, muxer: Muxer, ms: number): void {
    const { clock } = this.#options;
    const look = () => {
      const leftMs = muxer.askedMs + IDLE_MS - clock.monotonicMs();
      if (leftMs > 0) {
        this.#closeWhenIdle(camera, muxer, leftMs);
        return;
      }
      muxer.close();
      this.#forget(camera, muxer);
    };
    this.#timers.set(camera, clock.after(ms, look));
  }

  #forget(camera: string, muxer: Muxer): void {
    if (this.#muxers.get(camera) !== muxer) return;
    this.#muxers.delete(camera);
    this.#timers.get(camera)?.();
    this.#timers.delete(camera);
  }
}
