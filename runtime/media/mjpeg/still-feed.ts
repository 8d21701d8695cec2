import { toAppError } from '../../contracts/errors.ts';
import { RestartPause } from '../restart-pause.ts';
import type { Feed, FeedOptions } from './feed.ts';

/** Pictures of a camera that gives stills only, taken one after the other. */
export class StillFeed implements Feed {
  readonly fps: number;
  readonly #options: FeedOptions;
  readonly #end = new AbortController();
  readonly #loop: Promise<void>;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.fps = options.fps;
    this.#loop = this.#run();
  }

  async close(): Promise<void> {
    this.#end.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { cameras, camera, clock, onPicture, onGap, onEnd } = this.#options;
    const { signal } = this.#end;
    const pause = new RestartPause();
    let shownAt: number | undefined;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      let restMs = 0;
      try {
        const { jpeg, capturedAt } = await cameras.capture(camera, {}, signal);
        if (signal.aborted) return;
        pause.reset();
        // A camera slower than its viewers gives the same picture again.
        if (capturedAt !== shownAt) onPicture({ jpeg, takenAt: capturedAt });
        shownAt = capturedAt;
        restMs = Math.max(0, 1000 / this.fps - (clock.monotonicMs() - beganMs));
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toAppError(thrown);
        if (error.code === 'camera.not_found') {
          onEnd();
          return;
        }
        onGap(error.message, error);
        restMs = pause.next();
      }
      await clock.sleep(restMs, signal).catch((thrown: unknown) => {
        if (!signal.aborted) throw thrown;
      });
    }
  }
}
