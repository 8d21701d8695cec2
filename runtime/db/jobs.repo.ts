import type { ListQuery } from '../contracts/api.ts';
import { JOB_STATES, type JobHandle, type JobRecord, type JobState } from '../contracts/jobs.ts';
import type { Queryable } from './db.ts';

/** What is kept of an error. */
const ERROR_MAX_CHARS = 2000;

/** A job taken from its lane: in hand, or next in the same batch. */
export interface TakenJob extends JobHandle {
  captureId: string;
}

/**
 * Takes what is due in a lane, in `seq` order: queued jobs and failed ones whose wait is over. The attempt is not counted here but
 * when it has failed, or by `returnAbandonedJobs`.
 */
export async function takeJobs(q: Queryable, camera: string, epoch: number, limit: number): Promise<TakenJob[]> {
  const { rows } = await q.query<{ id: number; seq: number; attempts: number; capture_id: string }>(
    `update jobs set state = 'running', epoch = $2, started_at = now(), run_after = null
      where id in (select id from jobs
                    where camera_id = $1 and (state = 'queued' or (state = 'failed' and run_after <= now()))
                    order by seq, id limit $3)
      returning id, seq, attempts, capture_id`,
    [camera, epoch, limit],
  );
  return rows
    .sort((a, b) => a.seq - b.seq || a.id - b.id)
    .map((row) => ({
      id: row.id,
      camera,
      seq: row.seq,
      attempt: row.attempts + 1,
      epoch,
      captureId: row.capture_id,
    }));
}

/**
 * Puts back what a vanished worker had taken. Jobs of a batch are worked on one after the other in `seq` order, so the first that
 * still runs is the one that was in hand: its attempt counts, and a frame that takes its process down every time ends dead; the
 * rest were only waiting. Answers false, and does nothing, while one of them is in an open transaction: its worker may yet commit.
 */
export async function returnAbandonedJobs(q: Queryable, camera: string, maxAttempts: number): Promise<boolean> {
  const running = `from jobs where camera_id = $1 and state = 'running'`;
  const { rows } = await q.query<{ id: number }>(`select id ${running} order by seq, id for update skip locked`, [
    camera,
  ]);
  const { rows: counted } = await q.query<{ count: number }>(`select count(*)::int as count ${running}`, [camera]);
  if (rows.length !== (counted[0]?.count ?? 0)) return false;
  const [inHand, ...waiting] = rows.map((row) => row.id);
  if (inHand !== undefined) {
    await q.query(
      `update jobs set attempts = attempts + 1, epoch = null, started_at = null,
              error = 'the worker vanished while it had this job in hand',
              state = case when attempts + 1 >= $2 then 'dead' else 'queued' end,
              finished_at = case when attempts + 1 >= $2 then now() end
        where id = $1`,
      [inHand, maxAttempts],
    );
  }
  if (waiting.length > 0) await requeue(q, `id = any($1::bigint[])`, [waiting]);
  return true;
}

/** Puts back what this epoch of a lane still has, without counting an attempt. */
export async function requeueJobs(q: Queryable, camera: string, epoch: number): Promise<void> {
  await requeue(q, `camera_id = $1 and epoch = $2 and state = 'running'`, [camera, epoch]);
}

async function requeue(q: Queryable, which: string, params: unknown[]): Promise<void> {
  await q.query(`update jobs set state = 'queued', epoch = null, started_at = null where ${which}`, params);
}

/** Marks a job done if it is still this holder's; false otherwise. Its row stays locked until the transaction ends. */
export async function finishJob(q: Queryable, job: JobHandle): Promise<boolean> {
  const { rowCount } = await q.query(
    `update jobs set state = 'done', attempts = attempts + 1, error = null, finished_at = now()
      where id = $1 and state = 'running' and epoch = $2`,
    [job.id, job.epoch],
  );
  return rowCount > 0;
}

export interface FailedJob {
  state: 'failed' | 'dead';
  attempts: number;
  /** when it is due again */
  runAfter: Date | null;
}

/**
 * Counts a failed attempt of a job that is still this holder's (undefined otherwise): due again after 1, 2, 4, 8 … s, dead
 * after the last attempt, or at once where another try cannot help.
 */
export async function failJob(
  q: Queryable,
  job: JobHandle,
  options: { error: string; maxAttempts: number; hopeless: boolean },
): Promise<FailedJob | undefined> {
  const { rows } = await q.query<{ state: 'failed' | 'dead'; attempts: number; run_after: Date | null }>(
    `update jobs set attempts = attempts + 1, error = $3,
            state = case when last then 'dead' else 'failed' end,
            run_after = case when last then null else now() + power(2, least(attempts, 10)) * interval '1 second' end,
            finished_at = case when last then now() end
       from (select id as judged, (attempts + 1 >= $4::int or $5::boolean) as last from jobs where id = $1) as verdict
      where id = judged and state = 'running' and epoch = $2
      returning state, attempts, run_after`,
    [job.id, job.epoch, options.error.slice(0, ERROR_MAX_CHARS), options.maxAttempts, options.hopeless],
  );
  const [row] = rows;
  return row && { state: row.state, attempts: row.attempts, runAfter: row.run_after };
}

/** Gives a dead or failed job a fresh set of attempts; false when it is in another state. */
export async function reviveJob(q: Queryable, id: number): Promise<boolean> {
  const { rowCount } = await q.query(
    `update jobs set state = 'queued', attempts = 0, epoch = null, run_after = null, started_at = null, finished_at = null
      where id = $1 and state in ('failed', 'dead')`,
    [id],
  );
  return rowCount > 0;
}

interface JobRow {
  id: number;
  state: JobState;
  device_id: string;
  camera_id: string;
  seq: number;
  capture_id: string;
  attempts: number;
  error: string | null;
  run_after: Date | null;
  created_at: Date;
  finished_at: Date | null;
}
const COLUMNS = 'id, state, device_id, camera_id, seq, capture_id, attempts, error, run_after, created_at, finished_at';

/** One job, or undefined. */
export async function getJob(q: Queryable, id: number): Promise<JobRecord | undefined> {
  const { rows } = await q.query<JobRow>(`select ${COLUMNS} from jobs where id = $1`, [id]);
  return rows[0] && toRecord(rows[0]);
}

/** Jobs with an id below `before`, the newest first; times are those of their creation. */
export async function listJobs(
  q: Queryable,
  query: Omit<ListQuery, 'cursor'> & { state?: JobState; before?: number },
): Promise<JobRecord[]> {
  const { rows } = await q.query<JobRow>(
    `select ${COLUMNS} from jobs
      where ($1::bigint is null or id < $1::bigint)
        and ($2::text is null or state = $2::text)
        and ($3::text is null or device_id = $3::text)
        and ($4::text is null or camera_id = $4::text)
        and ($5::text[] is null or camera_id = any($5::text[]))
        and ($6::timestamptz is null or created_at >= $6::timestamptz)
        and ($7::timestamptz is null or created_at < $7::timestamptz)
      order by id desc limit $8`,
    [
      query.before ?? null,
      query.state ?? null,
      query.device ?? null,
      query.camera ?? null,
      query.cameras,
      query.from === undefined ? null : new Date(query.from),
      query.to === undefined ? null : new Date(query.to),
      query.limit,
    ],
  );
  return rows.map(toRecord);
}

/** How many jobs are in each state. */
export async function countJobs(q: Queryable): Promise<Record<JobState, number>> {
  const { rows } = await q.query<{ state: JobState; count: number }>(
    `select state, count(*)::int as count from jobs group by state`,
  );
  const counts = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>;
  for (const row of rows) counts[row.state] = row.count;
  return counts;
}

function toRecord(row: JobRow): JobRecord {
  return {
    id: row.id,
    state: row.state,
    device: row.device_id,
    camera: row.camera_id,
    seq: row.seq,
    frame_id: row.capture_id,
    attempts: row.attempts,
    error: row.error,
    run_after: row.run_after?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}
