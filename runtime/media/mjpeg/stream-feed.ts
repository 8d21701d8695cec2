import type { AppError } from '../../contracts/errors.ts';
import type { AccessUnit, StreamFormat, StreamSubscription } from '../../contracts/streams.ts';
import { RestartPause } from '../restart-pause.ts';
import { Decoder } from './decoder.ts';
import type { Feed, FeedOptions } from './feed.ts';

/** More than this waits at the decoder: the stream's pictures are left out up to the next key frame. Holds a whole group at the start. */
const MOST_QUEUED = 16 * 1024 * 1024;

/** A decoder that is fed and gives nothing for so long is started anew; it also does so when the system's clock was set back. */
const SILENT_MS = 5000;

/** Pictures from a camera's stream: one ffmpeg, started anew when the format changes or it fails. Throws what `subscribe` throws. */
export class StreamFeed implements Feed {
  readonly fps: number;
  readonly #options: FeedOptions;
  readonly #pause = new RestartPause();
  readonly #ending = new Set<Promise<void>>();
  #subscription: StreamSubscription | undefined;
  #decoder: Decoder | undefined;
  #generation: number | undefined;
  /** monotonic ms of the decoder's last picture, or of its beginning */
  #heardMs = 0;
  #isAway = false;
  #cancelRestart = () => {};
  #state: 'open' | 'closed' = 'open';

  constructor(options: FeedOptions) {
    this.#options = options;
    this.fps = options.fps;
    this.#subscribe();
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#cancelRestart();
    this.#detach();
    await Promise.all(this.#ending);
  }

  #subscribe(): void {
    const { streams, camera, onGap, onEnd } = this.#options;
    this.#subscription = streams.subscribe(camera, {
      onFormat: (format) => this.#format(format),
      onVideo: (unit) => this.#video(unit),
      isFull: () => (this.#decoder?.queued ?? 0) > MOST_QUEUED,
      onGap: (reason) => {
        this.#isAway = true;
        onGap(reason);
      },
      onEnd: () => {
        this.#detach();
        onEnd();
      },
    });
  }

  #format({ generation, video }: StreamFormat): void {
    if (this.#state === 'closed' || (this.#decoder && generation === this.#generation)) return;
    this.#endDecoder();
    this.#generation = generation;
    const { clock, ffmpegPath, fps, onPicture } = this.#options;
    const decoder = new Decoder({
      ffmpegPath,
      video,
      fps,
      onPicture: (jpeg) => {
        this.#pause.reset();
        this.#heardMs = clock.monotonicMs();
        onPicture({ jpeg, takenAt: clock.now() });
      },
      onFailed: (reason, error) => {
        if (this.#decoder === decoder) this.#failed(reason, error);
      },
    });
    this.#heardMs = clock.monotonicMs();
    this.#decoder = decoder;
  }

  #failed(reason: string, error?: AppError): void {
    const { log, camera, clock, onGap } = this.#options;
    log.warn('the decoder of live pictures ended', { camera, reason });
    onGap(reason, error);
    this.#detach();
    // The group of pictures that is replayed to a new reader gives the next decoder its beginning.
    this.#cancelRestart = clock.after(this.#pause.next(), () => this.#subscribeAgain());
  }

  #subscribeAgain(): void {
    try {
      this.#subscribe();
    } catch (error) {
      this.#options.log.warn('the stream could not be joined again', { camera: this.#options.camera, error });
      this.#options.onEnd();
    }
  }

  #video(unit: AccessUnit): void {
    if (!this.#decoder) return;
    if (this.#isAway) this.#heardMs = this.#options.clock.monotonicMs();
    this.#isAway = false;
    this.#decoder.write(unit);
    if (this.#options.clock.monotonicMs() - this.#heardMs > SILENT_MS) this.#failed('it gave no picture for 5 s');
  }

  #detach(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#endDecoder();
  }

  #endDecoder(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    if (!decoder) return;
    const ending = decoder.close().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
