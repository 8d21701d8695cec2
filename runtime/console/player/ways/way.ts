import type { LiveWays } from '../../../contracts/live.ts';
import type { Source } from '../source.ts';

export type WayName = LiveWays['ways'][number]['name'];

/** A way that shows pictures. */
export interface OpenWay {
  /** ms from the camera's picture, or where that is not known from the server's sending, to the screen; undefined while unknown */
  delayMs(): Promise<number | undefined>;
  /** Leaves out what has not been shown yet; ways without a store have nothing to leave out. */
  toLive?(): void;
  hasSound(): boolean;
  /** whether the server was asked for sound; undefined where it comes with the pictures in any case */
  readonly asksSound?: boolean;
  /** Ends it and gives everything back; may be called twice. */
  close(): void;
}

export interface WayParts {
  source: Source;
  /** what the server said of its ways */
  known: LiveWays;
  /** what it draws on; on the page, but not seen before it resolves */
  surface: HTMLVideoElement | HTMLCanvasElement;
  /** it is to be heard: a way that costs the server sound only when asked for does not ask otherwise */
  wantsSound: boolean;
  /** ends the opening; an open way is ended by `close` */
  signal: AbortSignal;
  /** It ended by itself, with the reason in words; not called after `close`. */
  onEnd(reason: unknown): void;
}

/** Resolves with the first picture on the surface; rejects with a Refusal, or an Error in words. */
export type OpensWay = (parts: WayParts) => Promise<OpenWay>;

/** Resolves when the video shows its first picture. */
export function firstFrame(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    if ('requestVideoFrameCallback' in video) video.requestVideoFrameCallback(() => resolve());
    else (video as HTMLVideoElement).addEventListener('timeupdate', () => resolve(), { once: true });
  });
}

/** Begins to play; what a browser forbids without a touch it allows without sound. */
export async function play(video: HTMLVideoElement): Promise<void> {
  try {
    await video.play();
  } catch {
    video.muted = true;
    // A play() cut short by close() is no news; others show as no first picture.
    await video.play().catch(() => undefined);
  }
}

/**
 * How far a video of a connection has come: pictures, where the browser counts them. Chromium's time of such a video goes on without any
 * (measured), so that a connection that has ended looks alive by it.
 */
export function picturesOf(video: HTMLVideoElement): number {
  return video.getVideoPlaybackQuality?.().totalVideoFrames || video.currentTime;
}

/** Calls `onStall` once when the video has not moved for so long while it should. Answers how to end the watch. */
export function watchStall(
  video: HTMLVideoElement,
  ms: number,
  onStall: () => void,
  placeOf = ({ currentTime }: HTMLVideoElement) => currentTime,
): () => void {
  let at = -1;
  let movedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const place = placeOf(video);
    if (place !== at || video.paused) {
      at = place;
      movedAt = now;
    } else if (now - movedAt > ms) {
      clearInterval(timer);
      onStall();
    }
  }, 500);
  return () => clearInterval(timer);
}
