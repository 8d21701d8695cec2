import { type Static, Type } from 'typebox';
import { nullable, time } from './schema.ts';

export const JOB_STATES = ['queued', 'running', 'done', 'failed', 'dead'] as const;
/** `failed` waits for another try; `dead` has had its last. */
export type JobState = (typeof JOB_STATES)[number];

export const JOB_MAX_ATTEMPTS = 5;
export const JOB_LEASE_MS = 20_000;

/**
 * A job in somebody's hands, as it rides along in `msg.job`. The epoch is the lane's at the claim: who comes back with an
 * older one has lost the lease, and nothing is written for it.
 */
export interface JobHandle {
  id: number;
  camera: string;
  seq: number;
  attempt: number;
  epoch: number;
}

/** A job as the API shows it. */
export const JobRecord = Type.Object(
  {
    id: Type.Integer(),
    state: Type.Enum(JOB_STATES),
    device: Type.String(),
    camera: Type.String(),
    seq: Type.Integer(),
    frame_id: Type.String(),
    attempts: Type.Integer(),
    error: nullable(Type.String()),
    run_after: nullable(time()),
    created_at: time(),
    finished_at: nullable(time()),
  },
  { title: 'JobRecord' },
);
export type JobRecord = Static<typeof JobRecord>;

/** How many jobs there are in each state. */
export const JobCounts = Type.Object(
  {
    queued: Type.Integer(),
    running: Type.Integer(),
    done: Type.Integer(),
    failed: Type.Integer(),
    dead: Type.Integer(),
  },
  { title: 'JobCounts' },
);
