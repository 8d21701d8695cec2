/** What the rules of a site are made of. */
export interface RetentionLimits {
  /** pictures of events live this long, counted from the entry of their event */
  eventImagesDays: number;
  /** frames live this long, counted from their receipt; their bytes too, whatever a camera's own rule says */
  stagingHours: number;
  /** segments and pictures of events together; undefined: no limit */
  maxBytes: number | undefined;
  /** what is to stay free on the disk; 0: no limit */
  minFreeBytes: number;
  /** frames whose job is not finished are kept up to so many bytes */
  unfinishedBytes: number;
  /** of the rows of a kind, which one run may delete by age while time is in doubt */
  shareInDoubt: number;
}

export const GIGABYTE = 1e9;
/** Two days of one camera at a frame a second: a backlog of analysis longer than that is not caught up with any more. */
export const UNFINISHED_BYTES = 10 * GIGABYTE;
/** Leaves a person some runs (hours) to set a clock right before most is gone. */
export const SHARE_IN_DOUBT = 0.2;

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** A file without a row may be one whose row is about to be committed; no transaction takes this long. */
export const ORPHAN_AGE_MS = HOUR_MS;
/** An event that never ended keeps its pictures longer, by this factor. */
export const OPEN_EVENT_FACTOR = 2;
export const DEAD_JOB_MS = 30 * DAY_MS;
export const RUN_RECORD_MS = 90 * DAY_MS;
/** Rows judged and deleted by one statement; the embedded database holds up its process for as long as one takes. */
export const BATCH_ROWS = { postgres: 2500, pglite: 500 };
export const BATCH_EVENTS = 500;
/** Files that are being deleted at a time. */
export const FILES_IN_FLIGHT = 8;
