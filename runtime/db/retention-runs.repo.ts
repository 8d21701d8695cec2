import type { RetentionReport } from '../contracts/retention.ts';
import type { Queryable } from './db.ts';

/** Notes that a run begins; answers its number. */
export async function insertRetentionRun(q: Queryable, report: RetentionReport): Promise<number> {
  const { rows } = await q.query<{ id: number }>(
    `insert into retention_runs (asked_by, state, started_at, report) values ($1, $2, $3, $4::text::jsonb) returning id`,
    [report.asked_by, report.state, report.started_at, JSON.stringify(report)],
  );
  if (!rows[0]) throw new Error('insert into retention_runs returned no row');
  return rows[0].id;
}

/** Notes how a run stands or ended. */
export async function updateRetentionRun(q: Queryable, id: number, report: RetentionReport): Promise<void> {
  await q.query(
    'update retention_runs set state = $2, finished_at = $3::timestamptz, report = $4::text::jsonb where id = $1',
    [id, report.state, report.finished_at, JSON.stringify(report)],
  );
}

/** Runs that a dead process left behind are no longer running. */
export async function closeInterruptedRuns(q: Queryable): Promise<number> {
  return (await q.query(`update retention_runs set state = 'interrupted' where state = 'running'`)).rowCount;
}

/** The latest run. */
export async function lastRetentionRun(q: Queryable): Promise<RetentionReport | undefined> {
  const { rows } = await q.query<{ state: RetentionReport['state']; report: RetentionReport }>(
    'select state, report from retention_runs order by id desc limit 1',
  );
  return rows[0] && { ...rows[0].report, state: rows[0].state };
}

/** Deletes what is known of runs before that time (epoch ms); answers how many. */
export async function deleteOldRuns(q: Queryable, before: number): Promise<number> {
  return (await q.query('delete from retention_runs where started_at < $1', [new Date(before)])).rowCount;
}
