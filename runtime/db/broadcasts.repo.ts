import type { Queryable } from './db.ts';

export type BroadcastState = 'starting' | 'live' | 'ending' | 'complete' | 'failed';

export interface BroadcastRow {
  id: number;
  stream: string;
  camera: string;
  state: BroadcastState;
  /** at the service; null: not known to exist yet */
  broadcastId: string | null;
  ingestId: string | null;
  title: string;
  url: string | null;
  reason: string | null;
  config: Record<string, unknown>;
  createdAt: Date;
  liveAt: Date | null;
}

const COLUMNS = `id::int as id, stream, camera_id as camera, state, broadcast_id as "broadcastId", ingest_id as "ingestId", title, url, reason,
  config, created_at as "createdAt", live_at as "liveAt"`;

/** Writes down that one is about to be begun; throws on a second open one of the same stream. */
export async function insertBroadcast(
  q: Queryable,
  row: { stream: string; camera: string; title: string; config: object; createdAt: Date },
): Promise<BroadcastRow> {
  const { rows } = await q.query<BroadcastRow>(
    `insert into broadcasts (stream, camera_id, state, title, config, created_at)
     values ($1, $2, 'starting', $3, $4::text::jsonb, $5) returning ${COLUMNS}`,
    [row.stream, row.camera, row.title, JSON.stringify(row.config), row.createdAt],
  );
  return rows[0] as BroadcastRow;
}

/** Notes what has become known of it; what is undefined stays. */
export async function updateBroadcast(
  q: Queryable,
  id: number,
  change: Partial<Pick<BroadcastRow, 'state' | 'broadcastId' | 'ingestId' | 'url' | 'reason' | 'liveAt'>> & {
    endedAt?: Date;
  },
): Promise<void> {
  await q.query(
    `update broadcasts set state = coalesce($2, state), broadcast_id = coalesce($3, broadcast_id), ingest_id = coalesce($4, ingest_id),
            url = coalesce($5, url), reason = coalesce($6, reason), live_at = coalesce($7, live_at), ended_at = coalesce($8, ended_at)
      where id = $1`,
    [
      id,
      change.state,
      change.broadcastId,
      change.ingestId,
      change.url,
      change.reason,
      change.liveAt,
      change.endedAt,
    ].map((value) => value ?? null),
  );
}

/** The one of a stream that is neither complete nor failed. */
export async function openBroadcast(q: Queryable, stream: string): Promise<BroadcastRow | undefined> {
  const { rows } = await q.query<BroadcastRow>(
    `select ${COLUMNS} from broadcasts where stream = $1 and state in ('starting', 'live', 'ending')`,
    [stream],
  );
  return rows[0];
}

/** Whether some row knows this broadcast of the service. */
export async function isBroadcastKnown(q: Queryable, broadcast: string): Promise<boolean> {
  const { rows } = await q.query('select 1 from broadcasts where broadcast_id = $1 limit 1', [broadcast]);
  return rows.length > 0;
}

/** The reusable ingest that this camera was fed by last, but for those that feed something now. */
export async function lastIngest(q: Queryable, camera: string): Promise<string | undefined> {
  const { rows } = await q.query<{ id: string }>(
    `select ingest_id as id from broadcasts b where camera_id = $1 and ingest_id is not null and not exists
       (select 1 from broadcasts o where o.ingest_id = b.ingest_id and o.state in ('starting', 'live', 'ending'))
      order by b.id desc limit 1`,
    [camera],
  );
  return rows[0]?.id;
}
