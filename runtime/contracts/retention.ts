import { type Static, Type } from 'typebox';
import { nullable, time } from './schema.ts';

/**
 * `space`: what makes room (expired staging, total size, free disk). `all`: besides, event images by age and the sweep of what
 * nobody needs (files without a row, ended logins, old records).
 */
export const RETENTION_WORK = ['all', 'space'] as const;
export type RetentionWork = (typeof RETENTION_WORK)[number];

/** `halted`: the share that one run may delete while time is in doubt was reached; the rest waits for the next run. */
export type RetentionState = 'running' | 'done' | 'halted' | 'failed' | 'interrupted';

/** What a run deleted, or a dry run would delete. */
export const RetentionCounts = Type.Object(
  {
    captures: Type.Integer(),
    segments: Type.Integer(),
    segment_bytes: Type.Integer(),
    events: Type.Integer({ description: 'events whose pictures went; the events themselves stay' }),
    event_images: Type.Integer(),
    event_image_bytes: Type.Integer(),
    orphans: Type.Integer({ description: 'files that no row names' }),
    orphan_bytes: Type.Integer(),
    tokens: Type.Integer({ description: 'ended logins' }),
    jobs: Type.Integer({ description: 'jobs that were given up long ago' }),
  },
  { title: 'RetentionCounts' },
);
export type RetentionCounts = Static<typeof RetentionCounts>;

/** What a run did, as `POST /api/v1/retention/run` and the node answer it. */
export const RetentionReport = Type.Object(
  {
    dry_run: Type.Boolean({ description: 'true: nothing was touched' }),
    work: Type.Enum(RETENTION_WORK),
    asked_by: Type.String(),
    state: Type.Enum(['running', 'done', 'halted', 'failed', 'interrupted']),
    started_at: time(),
    finished_at: nullable(time()),
    deleted: RetentionCounts,
    unfinished: Type.Object(
      { bytes: Type.Integer(), cap_bytes: Type.Integer(), deleted_captures: Type.Integer() },
      { description: 'frames whose job is not finished are kept, up to a cap' },
    ),
    notes: Type.Array(Type.String(), { description: 'in words: why it halted, what could not be deleted' }),
  },
  { title: 'RetentionReport' },
);
export type RetentionReport = Static<typeof RetentionReport>;

/** `GET /api/v1/retention`. */
export const RetentionStatus = Type.Object(
  {
    last_run: nullable(RetentionReport),
    next: nullable(Type.Object({ at: time(), what: Type.String() }), {
      description: 'what the server does by itself; everything else is asked for by flows',
    }),
    usage: Type.Object({
      segments_bytes: Type.Integer(),
      event_images_bytes: Type.Integer(),
      free_bytes: Type.Integer(),
      kept: Type.Array(
        Type.Object({
          event: Type.Optional(Type.String()),
          capture: Type.Optional(Type.String()),
          image: Type.Optional(Type.Integer({ description: 'a picture that somebody asked for' })),
          bytes: Type.Integer(),
        }),
        { description: 'exempt from every rule, the largest first, at most 200; `kept_bytes` is of all' },
      ),
      kept_bytes: Type.Integer(),
    }),
    limits: Type.Object({
      event_images_days: Type.Number(),
      staging_hours: Type.Number(),
      max_bytes: nullable(Type.Integer()),
      min_free_bytes: Type.Integer(),
      unfinished_bytes: Type.Integer(),
      share_in_doubt: Type.Number({ description: 'of the rows of a kind, in one run, while time is in doubt' }),
    }),
  },
  { title: 'RetentionStatus' },
);
export type RetentionStatus = Static<typeof RetentionStatus>;

/** `POST /api/v1/retention/run`. */
export const RetentionRun = Type.Object(
  {
    dry_run: Type.Optional(Type.Boolean({ description: 'only tell what would be deleted' })),
    work: Type.Optional(Type.Enum(RETENTION_WORK)),
  },
  { title: 'RetentionRun', additionalProperties: false },
);
export type RetentionRun = Static<typeof RetentionRun>;
