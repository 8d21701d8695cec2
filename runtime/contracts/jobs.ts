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
export interface JobRecord {
  id: number;
  state: JobState;
  device: string;
  camera: string;
  seq: number;
  frame_id: string;
  attempts: number;
  error: string | null;
  run_after: string | null;
  created_at: string;
  finished_at: string | null;
}
