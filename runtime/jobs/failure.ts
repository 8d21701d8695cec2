import { JOB_MAX_ATTEMPTS, type JobHandle } from '../contracts/jobs.ts';
import { lockLane, wakeLaneAt } from '../db/camera-lanes.repo.ts';
import type { Db } from '../db/db.ts';
import { type FailedJob, failJob } from '../db/jobs.repo.ts';

/** Writes down a failed attempt and has the lane woken when the next one is due; undefined when the job is not this holder's. */
export function recordFailure(
  db: Db,
  job: JobHandle,
  failure: { error: string; hopeless: boolean },
): Promise<FailedJob | undefined> {
  return db.tx(async (q) => {
    await lockLane(q, job.camera);
    const failed = await failJob(q, job, { ...failure, maxAttempts: JOB_MAX_ATTEMPTS });
    if (failed?.runAfter) await wakeLaneAt(q, job.camera, failed.runAfter);
    return failed;
  });
}
