import { AppError } from '../../contracts/errors.ts';
import type { LivePicture, PictureViewer } from '../../contracts/live-outputs.ts';
import type { Feed, FeedParts } from './feed.ts';
import { StillFeed } from './still-feed.ts';
import { StreamFeed } from './stream-feed.ts';

/** The decoder outlives its last viewer by this: a page that is loaded anew finds it running. */
const LINGER_MS = 2000;
const MOST_VIEWERS = 100;
/** Rates of the decoder: it is started anew only for a viewer who wants clearly more. */
const RATES = [5, 15, 30];

interface Seat {
  viewer: PictureViewer;
  /** monotonic ms from which the next picture is due */
  dueMs: number;
}

export interface CameraPicturesOptions extends FeedParts {
  camera: string;
  /** The camera is gone, or nobody looks any more. */
  onOver(): void;
}

/** Pictures of one camera for everybody who looks: one feed, each viewer at a rate of their own. */
export class CameraPictures {
  readonly #options: CameraPicturesOptions;
  readonly #seats = new Set<Seat>();
  readonly #closing = new Set<Promise<void>>();
  #feed: Feed | undefined;
  #last: { picture: LivePicture; atMs: number } | undefined;
  #stopLinger = () => {};

  constructor(options: CameraPicturesOptions) {
    this.#options = options;
  }

  get viewers(): number {
    return this.#seats.size;
  }

  /** The last picture if it is at most so old. */
  recent(maxAgeMs: number): LivePicture | undefined {
    const last = this.#last;
    return last && this.#options.clock.monotonicMs() - last.atMs <= maxAgeMs ? last.picture : undefined;
  }

  /** Throws what subscribing to the stream throws, and `stream.busy`. */
  watch(viewer: PictureViewer): () => void {
    if (this.#seats.size >= MOST_VIEWERS) {
      throw new AppError('stream.busy', `${MOST_VIEWERS} people look at this camera already`, { retryAfterS: 10 });
    }
    const rate = RATES.find((one) => one >= viewer.fps) ?? viewer.fps;
    if (!this.#feed || this.#feed.fps < rate) this.#open(rate);
    this.#stopLinger();
    const seat = { viewer, dueMs: 0 };
    this.#seats.add(seat);
    return () => {
      if (this.#seats.delete(seat) && this.#seats.size === 0) this.#linger();
    };
  }

  /** Ends the feed and tells every viewer. */
  async close(): Promise<void> {
    this.#stopLinger();
    this.#closeFeed();
    for (const { viewer } of [...this.#seats]) viewer.onEnd?.();
    this.#seats.clear();
    await Promise.all(this.#closing);
  }

  #open(fps: number): void {
    const options = {
      ...this.#options,
      fps,
      onPicture: (picture: LivePicture) => this.#show(picture),
      onGap: (reason: string) => {
        for (const { viewer } of [...this.#seats]) viewer.onGap?.(reason);
      },
      onEnd: () => this.#over(),
    };
    const feed = this.#newFeed(options);
    this.#closeFeed();
    this.#feed = feed;
  }

  #newFeed(options: ConstructorParameters<typeof StreamFeed>[0]): Feed {
    try {
      return new StreamFeed(options);
    } catch (error) {
      if (error instanceof AppError && error.code === 'camera.no_stream') return new StillFeed(options);
      throw error;
    }
  }

  #show(picture: LivePicture): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#last = { picture, atMs: nowMs };
    const fps = this.#feed?.fps ?? 15;
    for (const seat of [...this.#seats]) {
      const stepMs = 1000 / seat.viewer.fps;
      // Who wants all that the decoder gives has nothing left out. Half a decoder's step early is due: pictures come on its beat.
      if (seat.viewer.fps < fps && nowMs < seat.dueMs - 500 / fps) continue;
      seat.dueMs = (seat.dueMs < nowMs - stepMs ? nowMs : seat.dueMs) + stepMs;
      seat.viewer.onPicture(picture);
    }
  }

  #linger(): void {
    this.#stopLinger();
    this.#stopLinger = this.#options.clock.after(LINGER_MS, () => this.#over());
  }

  #over(): void {
    this.#options.onOver();
  }

  #closeFeed(): void {
    const feed = this.#feed;
    this.#feed = undefined;
    if (!feed) return;
    const closing = feed.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
