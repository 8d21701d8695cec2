import { AppError } from '../contracts/errors.ts';
import type { JobsService } from '../contracts/services.ts';
import { writeAudit } from '../db/audit.repo.ts';
import { bumpLane } from '../db/camera-lanes.repo.ts';
import type { Db } from '../db/db.ts';
import { countJobs, getJob, listJobs, reviveJob } from '../db/jobs.repo.ts';

/** What operators see of the queue and may do to it. */
export function createJobRecords(db: Db): JobsService {
  return {
    async list({ cursor, ...query }) {
      const before = cursor === undefined ? undefined : parseCursor(cursor);
      const items = await listJobs(db, { ...query, limit: query.limit + 1, before });
      const more = items.length > query.limit;
      if (more) items.pop();
      return { items, next: more ? String(items.at(-1)?.id) : null };
    },

    counts: () => countJobs(db),

    retry(id, actor, cameras = null) {
      return db.tx(async (q) => {
        const before = await getJob(q, id);
        if (!before || cameras?.includes(before.camera) === false)
          throw new AppError('job.not_found', `there is no job ${id}`);
        await bumpLane(q, before.camera);
        if (!(await reviveJob(q, id))) {
          throw new AppError('job.not_retryable', `only failed and dead jobs can be tried again; job ${id} is neither`);
        }
        await writeAudit(q, {
          actor: actor.name,
          action: 'job.retry',
          object: `job/${id}`,
          ip: actor.ip,
          details: { camera: before.camera, seq: before.seq, state: before.state, attempts: before.attempts },
        });
        return (await getJob(q, id)) ?? before;
      });
    },
  };
}

function parseCursor(cursor: string): number {
  const id = /^\d{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (Number.isNaN(id)) throw new AppError('request.invalid', 'cursor is not one that we gave', { field: 'cursor' });
  return id;
}
