import type { Queryable } from './db.ts';

/** A camera's own limits; undefined: the site's. */
export interface RetentionRule {
  camera: string;
  /** rows of its frames; never longer than the site's, since the bytes go by that */
  stagingHours?: number | undefined;
  eventImagesDays?: number | undefined;
  /** 1,000,000 bytes each, of its frames and pictures of events together */
  maxMb?: number | undefined;
}

/** The cameras that have limits of their own. */
export async function listRetentionRules(q: Queryable): Promise<RetentionRule[]> {
  const { rows } = await q.query<{
    camera_id: string;
    staging_hours: number | null;
    event_images_days: number | null;
    max_mb: number | null;
  }>('select camera_id, staging_hours, event_images_days, max_mb from retention_rules order by camera_id');
  return rows.map((row) => ({
    camera: row.camera_id,
    stagingHours: row.staging_hours ?? undefined,
    eventImagesDays: row.event_images_days ?? undefined,
    maxMb: row.max_mb ?? undefined,
  }));
}

/** Sets a camera's limits in the place of those it had. */
export async function putRetentionRule(q: Queryable, rule: RetentionRule): Promise<void> {
  await q.query(
    `insert into retention_rules (camera_id, staging_hours, event_images_days, max_mb) values ($1, $2, $3, $4)
     on conflict (camera_id) do update
        set staging_hours = excluded.staging_hours, event_images_days = excluded.event_images_days,
            max_mb = excluded.max_mb, updated_at = now()`,
    [rule.camera, rule.stagingHours ?? null, rule.eventImagesDays ?? null, rule.maxMb ?? null],
  );
}

/** The site's limits apply to this camera again. */
export async function deleteRetentionRule(q: Queryable, camera: string): Promise<void> {
  await q.query('delete from retention_rules where camera_id = $1', [camera]);
}
