import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { HlsStatus, LiveFile, PlaylistAsk } from '../../contracts/live-outputs.ts';
import type { StreamHost, StreamSubscription } from '../../contracts/streams.ts';
import { noPicture, patienceMs } from '../../lib/first-picture.ts';
import { mediaPlaylist, multivariantPlaylist } from './playlist.ts';
import { Segmenter } from './segmenter.ts';

/** A blocked request is answered after so many target durations, whatever has come. */
const BLOCK_TARGETS = 3;
const LONGEST_BLOCK_MS = 10_000;
const MOST_WAITING = 300;
/** Pictures this old are no live stream for somebody who comes new. */
const STALE_MS = 10_000;

export interface MuxerOptions {
  camera: string;
  streams: Pick<StreamHost, 'subscribe'>;
  clock: Clock;
  stamp: string;
  /** The camera was removed. */
  onEnd(): void;
}

interface Waiter {
  isMet(): boolean;
  settle(): void;
}

/** One camera's HLS: reads its stream into a segmenter and answers players, who may wait for what comes next. */
export class Muxer {
  readonly #options: MuxerOptions;
  readonly #segmenter: Segmenter;
  readonly #waiters = new Set<Waiter>();
  #subscription: StreamSubscription | undefined;
  #state: 'open' | 'ended' = 'open';
  #away: { reason: string; sinceMs: number } | undefined;
  #lastMs: number;
  /** monotonic ms of the last request */
  askedMs: number;

  /** Begins to read; throws what `subscribe` throws. */
  constructor(options: MuxerOptions) {
    this.#options = options;
    const { clock, camera, streams } = options;
    this.askedMs = clock.monotonicMs();
    this.#lastMs = this.askedMs;
    this.#segmenter = new Segmenter({
      // Rises faster than segments come, so that a muxer made later never counts backwards for a player that stayed.
      firstMsn: Math.floor(clock.now() / 1000),
      startedMs: this.askedMs,
      wallTime: (monotonicMs) => clock.now() - (clock.monotonicMs() - monotonicMs),
      onChange: () => this.#look(),
    });
    this.#subscription = streams.subscribe(camera, {
      onFormat: (format) => this.#segmenter.format(format),
      onVideo: (unit) => {
        this.#away = undefined;
        this.#lastMs = clock.monotonicMs();
        this.#segmenter.video(unit);
      },
      onAudio: (unit) => this.#segmenter.audio(unit),
      onGap: (reason) => {
        this.#away = { reason, sinceMs: this.#away?.sinceMs ?? clock.monotonicMs() };
        this.#segmenter.break();
        this.#look();
      },
      onEnd: () => {
        this.close();
        options.onEnd();
      },
    });
  }

  /** Whether the name is one that this muxer gave, and not an older one of the same camera. */
  owns(name: string): boolean {
    return name.includes(`-${this.#options.stamp}-`);
  }

  status(): HlsStatus {
    const { listed, bytes } = this.#segmenter;
    return { camera: this.#options.camera, segments: listed.length, bytes, waiting: this.#waiters.size };
  }

  /** Lets go of the stream and of everybody who waits; may be called twice. */
  close(): void {
    this.#state = 'ended';
    this.#subscription?.close();
    this.#look();
  }

  async index(query: string): Promise<string> {
    await this.#begun();
    const { reason } = this.#away ?? {};
    if (this.#options.clock.monotonicMs() - this.#lastMs > STALE_MS) throw noPicture(this.#options.camera, reason);
    return multivariantPlaylist(this.#segmenter, query);
  }

  async playlist({ msn, part, skip, padded, query }: PlaylistAsk): Promise<string> {
    await this.#begun();
    if (msn !== undefined) {
      const segmenter = this.#segmenter;
      if (msn > segmenter.openMsn + 2) {
        throw new AppError('request.invalid', `segment ${msn} is too far ahead: the next is ${segmenter.openMsn}`, {
          field: '_HLS_msn',
        });
      }
      await this.#wait(() => isThere(segmenter, msn, part), this.#blockMs());
    }
    this.#checkOpen();
    return mediaPlaylist(this.#segmenter, { stamp: this.#options.stamp, query, skip, padded });
  }

  async file(name: string): Promise<LiveFile> {
    const [, kind, number] = /^(init|seg|part)-[0-9a-f]+-(\d{1,12})\.mp4$/.exec(name) ?? [];
    const id = Number(number);
    if (kind === 'part' && id === this.#segmenter.nextPart) {
      await this.#wait(() => this.#segmenter.nextPart > id, this.#blockMs());
    }
    for (const segment of this.#segmenter.held()) {
      if (kind === 'init' && segment.run.id === id && segment.run.init) return fileOf([segment.run.init]);
      if (kind === 'seg' && segment.msn === id && segment !== this.#segmenter.open) {
        return fileOf(segment.parts.map(({ bytes }) => bytes));
      }
      const part = kind === 'part' ? segment.parts.find((one) => one.id === id) : undefined;
      if (part) return fileOf([part.bytes]);
    }
    throw new AppError('stream.gone', 'this piece of the stream is not kept any more, or is not there yet');
  }

  /** Waits until a player can begin; while a camera says that it is away, not for long. */
  async #begun(): Promise<void> {
    const { clock } = this.#options;
    const hasBegun = () => this.#segmenter.hasBegun;
    const sinceMs = clock.monotonicMs();
    while (!hasBegun() && this.#state === 'open') {
      const leftMs = patienceMs(clock, sinceMs, this.#away?.sinceMs);
      if (leftMs <= 0) throw noPicture(this.#options.camera, this.#away?.reason);
      const wasAway = this.#away !== undefined;
      await this.#wait(() => hasBegun() || (this.#away !== undefined) !== wasAway, leftMs);
    }
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#state === 'open') return;
    throw new AppError('camera.not_found', `the camera ${this.#options.camera} is not here any more`);
  }

  #blockMs(): number {
    return Math.min(LONGEST_BLOCK_MS, BLOCK_TARGETS * this.#segmenter.target * 1000);
  }

  /** Resolves when the condition holds, the time is over or the muxer is closed. */
  async #wait(isMet: () => boolean, ms: number): Promise<void> {
    if (isMet() || this.#state !== 'open') return;
    if (this.#waiters.size >= MOST_WAITING) {
      throw new AppError('stream.busy', 'too many players wait for this stream', { retryAfterS: 1 });
    }
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.#waiters.delete(waiter);
        cancel();
        resolve();
      };
      const waiter: Waiter = { isMet, settle };
      const cancel = this.#options.clock.after(ms, settle);
      this.#waiters.add(waiter);
    });
  }

  #look(): void {
    for (const waiter of [...this.#waiters]) if (this.#state !== 'open' || waiter.isMet()) waiter.settle();
  }
}

/** Whether the playlist holds that part, or without one that whole segment, or anything after. */
function isThere(segmenter: Segmenter, msn: number, part: number | undefined): boolean {
  const { openMsn, open } = segmenter;
  if (openMsn > msn + 1) return true;
  // Of a segment that ended before the asked part, the first part of the next one is meant.
  if (openMsn === msn + 1) {
    if (part === undefined) return true;
    const whole = segmenter.listed.at(-1);
    return !whole || part < whole.parts.length || (open?.parts.length ?? 0) > 0;
  }
  return openMsn === msn && part !== undefined && (open?.parts.length ?? 0) > part;
}

function fileOf(pieces: readonly Buffer[]): LiveFile {
  return { pieces, bytes: pieces.reduce((sum, { length }) => sum + length, 0) };
}
