import type { Roi } from '../contracts/rois.ts';
import type { Queryable } from './db.ts';

export interface RoisRow {
  version: number;
  rois: Roi[];
}

/** The ROIs in force for a camera; undefined when none were ever drawn. */
export async function findRois(q: Queryable, camera: string): Promise<RoisRow | undefined> {
  const { rows } = await q.query<RoisRow>(
    'select version, rois from rois where camera_id = $1 order by version desc limit 1',
    [camera],
  );
  return rows[0];
}

/** Keeps a new version. The camera's row must be locked in this transaction. */
export async function insertRois(
  q: Queryable,
  camera: string,
  entry: RoisRow & { actor: string; at: Date },
): Promise<void> {
  await q.query(
    'insert into rois (camera_id, version, rois, created_at, created_by) values ($1, $2, $3::text::jsonb, $4, $5)',
    [camera, entry.version, JSON.stringify(entry.rois), entry.at, entry.actor],
  );
}

/**
 * What a camera's comparisons depend on: its ROIs and the fields set in its device's configuration. Of one that was deleted too: pictures
 * that it sent before are still looked at.
 */
export async function findDetectionSettings(
  q: Queryable,
  camera: string,
): Promise<{ version: number; rois: Roi[]; config: Record<string, unknown> } | undefined> {
  const { rows } = await q.query<{ version: number; rois: Roi[]; config: Record<string, unknown> }>(
    `select coalesce(r.version, 0) as version, coalesce(r.rois, '[]') as rois, coalesce(v.config, '{}') as config
       from cameras c
       left join lateral (select version, rois from rois where camera_id = c.id order by version desc limit 1) r on true
       left join device_configs v on v.device_id = c.device_id and v.active
      where c.id = $1`,
    [camera],
  );
  return rows[0];
}
