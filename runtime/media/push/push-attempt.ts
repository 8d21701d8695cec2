import type { Progress } from './progress.ts';

/** Why an attempt is over. */
export interface AttemptEnd {
  /**
   * `absent`: nobody listens there; `renew`: nothing is wrong, go on at once; `impossible`: nothing that the destination could
   * change; the rest are failures of the connection
   */
  kind: 'stalled' | 'ended' | 'absent' | 'renew' | 'impossible';
  reason: string;
}

/** What an attempt tells whoever made it. */
export interface AttemptEvents {
  /** something changed: it is live, the camera is away (`reason`), or back */
  onChange(): void;
  onProgress(progress: Progress): void;
  /** Once, and nothing after it. What it holds has been told to end. */
  onEnd(end: AttemptEnd): void;
}

/** One connection to a destination, whatever it speaks. `gone` resolves when nothing of it is left. */
export interface PushAttempt {
  readonly gone: Promise<void>;
  readonly isLive: boolean;
  readonly pid: number | undefined;
  /** why no picture comes from the camera; undefined while they come */
  readonly awayReason: string | undefined;
  readonly discarded: number;
  begin(): void;
  /** Lets the destination know the end, and waits for that. */
  stop(): Promise<void>;
}
