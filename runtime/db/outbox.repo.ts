import type { Queryable } from './db.ts';

/** Any fixed number: it names the lock under which rows enter the outbox. */
const OUTBOX_LOCK = 7_305_101;

/** A row of the outbox; `id` is the `n` of the message. */
export interface OutboxRow {
  id: number;
  key: string;
  payload: Record<string, unknown>;
}

/**
 * Puts a message into the outbox, to leave it when the transaction has committed; answers its id. Writers queue up from here to
 * their commit, so that ids become visible in rising order: a reader that has seen one has seen all below it.
 */
export async function appendOutbox(
  q: Queryable,
  message: { kind: string; key: string; payload: Record<string, unknown> },
): Promise<number> {
  await q.query(`select pg_advisory_xact_lock($1::bigint)`, [OUTBOX_LOCK]);
  const { rows } = await q.query<{ id: number }>(
    `insert into outbox (kind, key, payload) values ($1, $2, $3::text::jsonb) returning id`,
    [message.kind, message.key, JSON.stringify(message.payload)],
  );
  await q.query(`select pg_notify('redeye_outbox', '')`);
  const [row] = rows;
  if (!row) throw new Error('the outbox gave no id');
  return row.id;
}

/** The highest id that is there; 0 for an empty outbox. */
export async function outboxTop(q: Queryable, kind: string): Promise<number> {
  const { rows } = await q.query<{ top: number }>(`select coalesce(max(id), 0) as top from outbox where kind = $1`, [
    kind,
  ]);
  return rows[0]?.top ?? 0;
}

/** Messages above an id, in order. */
export async function outboxAfter(q: Queryable, kind: string, after: number, limit: number): Promise<OutboxRow[]> {
  const { rows } = await q.query<OutboxRow>(
    `select id, key, payload from outbox where id > $1 and kind = $2 order by id limit $3`,
    [after, kind, limit],
  );
  return rows;
}

/** Messages above an id that have not been published, in order. */
export async function unpublishedAfter(q: Queryable, kind: string, after: number, limit: number): Promise<OutboxRow[]> {
  const { rows } = await q.query<OutboxRow>(
    `select id, key, payload from outbox
      where published_at is null and id > $1 and kind = $2 order by id limit $3`,
    [after, kind, limit],
  );
  return rows;
}

/** How many messages wait to be published. */
export async function countUnpublished(q: Queryable): Promise<number> {
  const { rows } = await q.query<{ n: number }>('select count(*) as n from outbox where published_at is null');
  return rows[0]?.n ?? 0;
}

/** Marks everything up to an id as published. */
export async function markPublished(q: Queryable, kind: string, upTo: number): Promise<void> {
  await q.query(`update outbox set published_at = now() where published_at is null and id <= $1 and kind = $2`, [
    upTo,
    kind,
  ]);
}

/** Deletes what was published longer ago than that; answers how many. */
export async function deletePublished(q: Queryable, olderThanHours: number): Promise<number> {
  const { rowCount } = await q.query(`delete from outbox where published_at < now() - $1::float8 * interval '1 hour'`, [
    olderThanHours,
  ]);
  return rowCount;
}
