import type { AppError } from '../../contracts/errors.ts';
import type { CameraHost, Clock, Log } from '../../contracts/host.ts';
import type { LivePicture } from '../../contracts/live-outputs.ts';
import type { StreamHost } from '../../contracts/streams.ts';

/** What brings the pictures of one camera: a decoder of its stream, or its stills one after the other. */
export interface Feed {
  /** pictures a second that it gives at most */
  readonly fps: number;
  /** Resolves when nothing of it is left; may be called twice. */
  close(): Promise<void>;
}

export interface FeedParts {
  streams: Pick<StreamHost, 'subscribe'>;
  cameras: Pick<CameraHost, 'capture'>;
  clock: Clock;
  log: Log;
  ffmpegPath: string;
}

export interface FeedOptions extends FeedParts {
  camera: string;
  fps: number;
  onPicture(picture: LivePicture): void;
  onGap(reason: string, error?: AppError): void;
  onEnd(): void;
}
