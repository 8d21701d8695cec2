import type { Queryable } from './db.ts';

const UNFINISHED = "('queued', 'running', 'failed')";

/** Whose rows are meant: one camera's, or all but those of some cameras. */
export type OfCameras = { camera: string } | { except: readonly string[] };

/** A place in a list that goes by time: the last row seen. */
export interface TimeCursor {
  /** as the database writes it, so that no digit is lost */
  at: string;
  id: string;
}

export interface JudgedCapture {
  id: string;
  camera: string;
  node: string;
  segment: number;
  /** bytes of the picture */
  size: number;
  kept: boolean;
  /** its job is not finished */
  unfinished: boolean;
}

/** What the clock of the database says, and when the newest frame came in, by the clock of the server that took it. */
export async function databaseTime(q: Queryable): Promise<{ now: number; newest: number | undefined }> {
  const { rows } = await q.query<{ now: Date; newest: Date | null }>(
    'select clock_timestamp() as now, (select max(received_at) from captures) as newest',
  );
  return { now: rows[0]?.now.getTime() ?? 0, newest: rows[0]?.newest?.getTime() };
}

/** Frames by time of receipt, oldest first; `before` limits to those received earlier (epoch ms). */
export async function pageCaptures(
  q: Queryable,
  of: OfCameras,
  page: { before?: number | undefined; after?: TimeCursor | undefined; limit: number },
): Promise<{ rows: JudgedCapture[]; next: TimeCursor | undefined }> {
  const params: unknown[] = [];
  const value = (one: unknown) => `$${params.push(one)}`;
  const where = [cameraCondition(of, 'camera_id', value)];
  if (page.before !== undefined) where.push(`received_at < ${value(new Date(page.before))}::timestamptz`);
  if (page.after)
    where.push(`(received_at, id) > (${value(page.after.at)}::text::timestamptz, ${value(page.after.id)}::uuid)`);
  const { rows } = await q.query<JudgedCapture & { at: string }>(
    `select id, camera_id as camera, node_id as node, segment, size, kept, received_at::text as at,
            exists (select from jobs where capture_id = captures.id and state in ${UNFINISHED}) as unfinished
       from captures where ${where.join(' and ')}
      order by received_at, id limit ${value(page.limit)}`,
    params,
  );
  const last = rows.at(-1);
  return { rows, next: rows.length === page.limit && last ? { at: last.at, id: last.id } : undefined };
}

/** The condition on whose rows are meant; `value` takes a parameter in and answers its placeholder. */
export function cameraCondition(of: OfCameras, column: string, value: (one: unknown) => string): string {
  return 'camera' in of ? `${column} = ${value(of.camera)}` : `${column} <> all(${value(of.except)}::text[])`;
}

/**
 * Deletes frames' rows, their jobs with them; those that somebody keeps or whose job is open (again) stay, unless they are among
 * `evenUnfinished`. Answers how many went.
 */
export async function deleteCaptures(
  q: Queryable,
  ids: readonly string[],
  evenUnfinished: readonly string[],
): Promise<number> {
  const { rowCount } = await q.query(
    `delete from captures c
      where id = any($1::uuid[]) and not kept
        and (id = any($2::uuid[])
             or not exists (select from jobs j where j.capture_id = c.id and j.state in ${UNFINISHED}))`,
    [ids, evenUnfinished],
  );
  return rowCount;
}

/** How many rows of a server point into each of these segments; 0 where none does. */
export async function countSegmentRows(
  q: Queryable,
  nodeId: string,
  segments: readonly number[],
): Promise<Map<number, number>> {
  const { rows } = await q.query<{ segment: number; count: number }>(
    `select s.segment, (select count(*)::int from captures c where c.node_id = $1 and c.segment = s.segment) as count
       from unnest($2::bigint[]) as s(segment)`,
    [nodeId, segments],
  );
  return new Map(rows.map((row) => [row.segment, row.count]));
}

/** Which of these segments no row of a server points into. */
export async function segmentsWithoutRows(
  q: Queryable,
  nodeId: string,
  segments: readonly number[],
): Promise<Set<number>> {
  const { rows } = await q.query<{ segment: number }>(
    `select s.segment from unnest($2::bigint[]) as s(segment)
      where not exists (select from captures c where c.node_id = $1 and c.segment = s.segment)`,
    [nodeId, segments],
  );
  return new Set(rows.map((row) => row.segment));
}

/** What of a segment speaks against deleting it. */
export async function segmentContents(
  q: Queryable,
  nodeId: string,
  segment: number,
): Promise<{ rows: number; kept: number; unfinished: number; unfinishedBytes: number }> {
  const { rows } = await q.query<{ rows: number; kept: number; unfinished: number; bytes: number }>(
    `select count(*)::int as rows, count(*) filter (where kept)::int as kept,
            count(*) filter (where open)::int as unfinished, coalesce(sum(size) filter (where open), 0)::int8 as bytes
       from (select kept, size,
                    exists (select from jobs where capture_id = captures.id and state in ${UNFINISHED}) as open
               from captures where node_id = $1 and segment = $2) as c`,
    [nodeId, segment],
  );
  const { rows: count = 0, kept = 0, unfinished = 0, bytes = 0 } = rows[0] ?? {};
  return { rows: count, kept, unfinished, unfinishedBytes: bytes };
}

/** Marks every row of a segment as about to go; false, and none is, when somebody keeps one of them. */
export async function markSegment(q: Queryable, nodeId: string, segment: number): Promise<boolean> {
  const { rows } = await q.query<{ kept: boolean }>(
    'select bool_or(kept) as kept from captures where node_id = $1 and segment = $2',
    [nodeId, segment],
  );
  if (rows[0]?.kept) return false;
  await q.query('update captures set deleting_at = now() where node_id = $1 and segment = $2', [nodeId, segment]);
  return true;
}

/** Deletes marked rows of a segment, at most `limit`; answers how many. */
export async function deleteMarkedCaptures(
  q: Queryable,
  nodeId: string,
  segment: number,
  limit: number,
): Promise<number> {
  const { rowCount } = await q.query(
    `delete from captures where id in (
       select id from captures where node_id = $1 and segment = $2 and deleting_at is not null limit $3)`,
    [nodeId, segment, limit],
  );
  return rowCount;
}

/** Segments of a server whose deletion was begun, the oldest first; `kept` when somebody has laid a hand on a row since. */
export async function markedSegments(q: Queryable, nodeId: string): Promise<{ segment: number; kept: boolean }[]> {
  const { rows } = await q.query<{ segment: number; kept: boolean }>(
    `select segment, bool_or(kept) as kept from captures
      where node_id = $1 and deleting_at is not null group by segment order by segment`,
    [nodeId],
  );
  return rows;
}

/** Takes the marks of a segment's rows away. */
export async function unmarkSegment(q: Queryable, nodeId: string, segment: number): Promise<void> {
  await q.query(
    'update captures set deleting_at = null where node_id = $1 and segment = $2 and deleting_at is not null',
    [nodeId, segment],
  );
}

/** Bytes of the frames whose job is not finished. */
export async function unfinishedBytes(q: Queryable): Promise<number> {
  const { rows } = await q.query<{ bytes: number }>(
    `select coalesce(sum(c.size), 0)::int8 as bytes
       from jobs j join captures c on c.id = j.capture_id where j.state in ${UNFINISHED}`,
  );
  return rows[0]?.bytes ?? 0;
}

/** How many frames there are. */
export async function countCaptures(q: Queryable): Promise<number> {
  return (await q.query<{ count: number }>('select count(*)::int as count from captures')).rows[0]?.count ?? 0;
}

/** Bytes of a camera's frames and of its events' pictures, those that no rule may delete left out. */
export async function cameraBytes(q: Queryable, camera: string): Promise<{ captures: number; images: number }> {
  const { rows } = await q.query<{ captures: number; images: number }>(
    `select (select coalesce(sum(size), 0)::int8 from captures where camera_id = $1 and not kept) as captures,
            (select coalesce(sum(i.size), 0)::int8 from event_images i join events e on e.id = i.event_id
              where e.camera_id = $1 and not e.keep) as images`,
    [camera],
  );
  return rows[0] ?? { captures: 0, images: 0 };
}

/** Frames that no rule may delete, the largest first, with the bytes of all of them. */
export async function keptCaptures(
  q: Queryable,
  limit: number,
): Promise<{ items: { capture: string; bytes: number }[]; bytes: number }> {
  const { rows } = await q.query<{ capture: string; bytes: number; total: number }>(
    `select id as capture, size as bytes, sum(size) over ()::int8 as total
       from captures where kept order by size desc, id limit $1`,
    [limit],
  );
  return { items: rows.map(({ capture, bytes }) => ({ capture, bytes })), bytes: rows[0]?.total ?? 0 };
}

/** Deletes logins that have ended; answers how many. */
export async function deleteEndedLogins(q: Queryable, before: number): Promise<number> {
  return (await q.query('delete from refresh_tokens where expires_at < $1', [new Date(before)])).rowCount;
}

/** Deletes jobs that were given up before that time; answers how many. */
export async function deleteDeadJobs(q: Queryable, before: number): Promise<number> {
  return (await q.query(`delete from jobs where state = 'dead' and finished_at < $1`, [new Date(before)])).rowCount;
}

/** How many logins and dead jobs the two above would delete. */
export async function countLeftovers(
  q: Queryable,
  before: { logins: number; jobs: number },
): Promise<{ tokens: number; jobs: number }> {
  const { rows } = await q.query<{ tokens: number; jobs: number }>(
    `select (select count(*)::int from refresh_tokens where expires_at < $1) as tokens,
            (select count(*)::int from jobs where state = 'dead' and finished_at < $2) as jobs`,
    [new Date(before.logins), new Date(before.jobs)],
  );
  return rows[0] ?? { tokens: 0, jobs: 0 };
}
