import { type Static, Type } from 'typebox';

/**
 * `space`: what makes room (expired staging, total size, free disk). `all`: besides, event images by age and the sweep of what
 * nobody needs (files without a row, ended logins, old records).
 */
export const RETENTION_WORK = ['all', 'space'] as const;
export type RetentionWork = (typeof RETENTION_WORK)[number];

/** `halted`: the share that one run may delete while time is in doubt was reached; the rest waits for the next run. */
export type RetentionState = 'running' | 'done' | 'halted' | 'failed' | 'interrupted';

/** What a run deleted, or a dry run would delete. */
export interface RetentionCounts {
  captures: number;
  segments: number;
  segment_bytes: number;
  /** events whose pictures went; the events themselves stay */
  events: number;
  event_images: number;
  event_image_bytes: number;
  /** files that no row names */
  orphans: number;
  orphan_bytes: number;
  /** ended logins */
  tokens: number;
  /** jobs that were given up long ago */
  jobs: number;
}

/** What a run did, as `POST /api/v1/retention/run` and the node answer it. */
export interface RetentionReport {
  /** false: nothing was touched */
  dry_run: boolean;
  work: RetentionWork;
  asked_by: string;
  state: RetentionState;
  started_at: string;
  finished_at: string | null;
  deleted: RetentionCounts;
  /** frames whose job is not finished are kept, up to a cap */
  unfinished: { bytes: number; cap_bytes: number; deleted_captures: number };
  /** in words, what a person should know: why it halted, what could not be deleted */
  notes: string[];
}

/** `GET /api/v1/retention`. */
export interface RetentionStatus {
  last_run: RetentionReport | null;
  /** what the server does by itself; everything else is asked for by flows */
  next: { at: string; what: string } | null;
  usage: {
    segments_bytes: number;
    event_images_bytes: number;
    free_bytes: number;
    /** exempt from every rule, the largest first, at most 200; `kept_bytes` is of all */
    kept: { event?: string; capture?: string; bytes: number }[];
    kept_bytes: number;
  };
  limits: {
    event_images_days: number;
    staging_hours: number;
    /** null: none */
    max_bytes: number | null;
    min_free_bytes: number;
    unfinished_bytes: number;
    /** of the rows of a kind, in one run, while time is in doubt */
    share_in_doubt: number;
  };
}

/** `POST /api/v1/retention/run`. */
export const RetentionRun = Type.Object(
  {
    dry_run: Type.Optional(Type.Boolean({ description: 'only tell what would be deleted' })),
    work: Type.Optional(Type.Enum(RETENTION_WORK)),
  },
  { additionalProperties: false },
);
export type RetentionRun = Static<typeof RetentionRun>;
