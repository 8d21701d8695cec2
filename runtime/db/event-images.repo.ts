import type { ImageRole } from '../contracts/events.ts';
import type { Queryable } from './db.ts';

/** A picture that was copied out for an event. */
export interface EventImage {
  role: ImageRole;
  /** below the data folder, with forward slashes */
  path: string;
  /** the frame it was copied from */
  captureId: string;
  width: number;
  height: number;
  /** bytes */
  size: number;
}

/** Enters an event's picture, in the place of the one that role had. */
export async function saveEventImage(q: Queryable, event: string, image: EventImage): Promise<void> {
  await q.query(
    `insert into event_images (event_id, role, path, capture_id, width, height, size) values ($1, $2, $3, $4, $5, $6, $7)
      on conflict (event_id, role) do update
        set path = excluded.path, capture_id = excluded.capture_id, width = excluded.width, height = excluded.height,
            size = excluded.size, created_at = now()`,
    [event, image.role, image.path, image.captureId, image.width, image.height, image.size],
  );
}

/** Which frame each picture of these events came from: `<event>/<role>` → id of the frame. */
export async function eventImageSources(q: Queryable, events: string[]): Promise<Map<string, string>> {
  const { rows } = await q.query<{ event_id: string; role: ImageRole; capture_id: string }>(
    `select event_id, role, capture_id from event_images where event_id = any($1::uuid[]) and capture_id is not null`,
    [events],
  );
  return new Map(rows.map((row) => [`${row.event_id}/${row.role}`, row.capture_id]));
}

/** Where an event's picture lies, below the data folder. */
export async function eventImagePath(q: Queryable, event: string, role: ImageRole): Promise<string | undefined> {
  const { rows } = await q.query<{ path: string }>(`select path from event_images where event_id = $1 and role = $2`, [
    event,
    role,
  ]);
  return rows[0]?.path;
}
