import type { Queryable } from './db.ts';

/** Up to where the rows of a server's segments are in the database; undefined before its first batch. */
export async function findCheckpoint(
  q: Queryable,
  nodeId: string,
): Promise<{ segment: number; offset: number } | undefined> {
  const { rows } = await q.query<{ segment: number; offset: number }>(
    'select segment, segment_offset as "offset" from segment_checkpoints where node_id = $1',
    [nodeId],
  );
  return rows[0];
}

/** Moves the checkpoint. */
export async function setCheckpoint(
  q: Queryable,
  nodeId: string,
  checkpoint: { segment: number; offset: number },
): Promise<void> {
  await q.query(
    `insert into segment_checkpoints (node_id, segment, segment_offset) values ($1, $2, $3)
     on conflict (node_id) do update
       set segment = excluded.segment, segment_offset = excluded.segment_offset, updated_at = now()`,
    [nodeId, checkpoint.segment, checkpoint.offset],
  );
}

/** The highest segment that a row of this server points into; 0 when there is none. */
export async function highestSegment(q: Queryable, nodeId: string): Promise<number> {
  const { rows } = await q.query<{ segment: number | null }>(
    'select max(segment) as segment from captures where node_id = $1',
    [nodeId],
  );
  return rows[0]?.segment ?? 0;
}
