import type { StreamFormat } from '../../contracts/streams.ts';

/** A piece of a segment that can be fetched by itself. Times are seconds. */
export interface Part {
  /** counts on over all segments, so that the name of the next one is known beforehand */
  id: number;
  bytes: Buffer;
  duration: number;
  /** a player may begin with it, or go on into it from the segment before */
  isIndependent: boolean;
}

/** What belongs to one init segment: segments of another run stand behind a discontinuity. */
export interface Run {
  id: number;
  format: StreamFormat;
  /** made with the run's first published part; undefined before */
  init?: Buffer;
  hasSound: boolean;
  /** epoch ms at which the track's time was 0 */
  wallMs: number;
}

export interface Segment {
  /** media sequence number */
  msn: number;
  run: Run;
  /** where it begins, on the track's own time */
  at: number;
  duration: number;
  bytes: number;
  parts: Part[];
  /** begins with a key frame */
  isIndependent: boolean;
}

/** What a playlist is made from. */
export interface Timeline {
  /** whole segments that are listed, oldest first */
  readonly listed: readonly Segment[];
  /** the one that is being written; may have no part yet */
  readonly open: Segment | undefined;
  /** its number, also while it has not begun */
  readonly openMsn: number;
  readonly nextPart: number;
  /** seconds; never fall */
  readonly partTarget: number;
  readonly target: number;
}
