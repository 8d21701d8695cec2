import type { ImageRole } from '../contracts/events.ts';
import type { Queryable } from './db.ts';
import { cameraCondition, type OfCameras, type TimeCursor } from './retention.repo.ts';

/** An event's pictures together: they go together. */
export interface JudgedEvent {
  event: string;
  camera: string;
  images: number;
  bytes: number;
}

export interface MarkedImage {
  event: string;
  role: ImageRole;
  /** below the data folder */
  path: string;
  size: number;
}

/**
 * Events that have pictures and are not kept, by the time they were entered (the database's clock), oldest first. An event that is
 * still open counts only when it was entered before `openBefore`. Times are epoch ms.
 */
export async function pageEventsWithImages(
  q: Queryable,
  of: OfCameras,
  page: { before?: number | undefined; openBefore?: number | undefined; after?: TimeCursor | undefined; limit: number },
): Promise<{ rows: JudgedEvent[]; next: TimeCursor | undefined }> {
  const params: unknown[] = [];
  const value = (one: unknown) => `$${params.push(one)}`;
  const where = [cameraCondition(of, 'e.camera_id', value), 'not e.keep'];
  if (page.before !== undefined) where.push(`e.created_at < ${value(new Date(page.before))}::timestamptz`);
  const openBefore = page.openBefore === undefined ? null : new Date(page.openBefore);
  where.push(`(e.state = 'closed' or e.created_at < ${value(openBefore)}::timestamptz)`);
  if (page.after)
    where.push(`(e.created_at, e.id) > (${value(page.after.at)}::text::timestamptz, ${value(page.after.id)}::uuid)`);
  // From the pictures to their events: events without pictures stay for ever and become many.
  const { rows } = await q.query<JudgedEvent & { at: string }>(
    `select e.id as event, e.camera_id as camera, i.images, i.bytes, e.created_at::text as at
       from (select event_id, count(*)::int as images, sum(size)::int8 as bytes from event_images group by event_id) i
       join events e on e.id = i.event_id
      where ${where.join(' and ')}
      order by e.created_at, e.id limit ${value(page.limit)}`,
    params,
  );
  const last = rows.at(-1);
  return { rows, next: rows.length === page.limit && last ? { at: last.at, id: last.event } : undefined };
}

/** Marks the pictures of these events as about to go, those of kept events excepted; answers the ones that are marked now. */
export async function markImages(q: Queryable, events: readonly string[]): Promise<MarkedImage[]> {
  const { rows } = await q.query<MarkedImage>(
    `update event_images i set deleting_at = now() from events e
      where e.id = i.event_id and e.id = any($1::uuid[]) and not e.keep
      returning i.event_id as event, i.role, i.path, i.size`,
    [events],
  );
  return rows;
}

/** Deletes the marked pictures' rows; their events stay and their details say since when the pictures are gone. Answers how many. */
export async function deleteMarkedImages(q: Queryable, images: readonly MarkedImage[], at: string): Promise<number> {
  const { rows } = await q.query<{ count: number }>(
    `with gone as (
       delete from event_images i using unnest($1::uuid[], $2::text[]) as wanted(event_id, role)
        where i.event_id = wanted.event_id and i.role = wanted.role and i.deleting_at is not null
       returning i.event_id
     ), told as (
       update events set details = details || jsonb_build_object('images_deleted_at', $3::text), updated_at = now()
        where id in (select event_id from gone)
     )
     select count(*)::int as count from gone`,
    [images.map(({ event }) => event), images.map(({ role }) => role), at],
  );
  return rows[0]?.count ?? 0;
}

/** Pictures whose deletion was begun; `kept` when somebody has laid a hand on their event since. */
export async function markedImages(q: Queryable, limit: number): Promise<(MarkedImage & { kept: boolean })[]> {
  const { rows } = await q.query<MarkedImage & { kept: boolean }>(
    `select i.event_id as event, i.role, i.path, i.size, e.keep as kept
       from event_images i join events e on e.id = i.event_id
      where i.deleting_at is not null order by i.event_id, i.role limit $1`,
    [limit],
  );
  return rows;
}

/** Takes the mark of one picture away. */
export async function unmarkImage(q: Queryable, image: MarkedImage): Promise<void> {
  await q.query('update event_images set deleting_at = null where event_id = $1 and role = $2', [
    image.event,
    image.role,
  ]);
}

/** How many events have pictures that a rule may delete. */
export async function countEventsWithImages(q: Queryable): Promise<number> {
  const { rows } = await q.query<{ count: number }>(
    `select count(*)::int as count from events e
      where not keep and id in (select event_id from event_images)`,
  );
  return rows[0]?.count ?? 0;
}

/** How many pictures of events there are, and their bytes. */
export async function imageTotals(q: Queryable): Promise<{ images: number; bytes: number }> {
  const { rows } = await q.query<{ images: number; bytes: number }>(
    'select count(*)::int as images, coalesce(sum(size), 0)::int8 as bytes from event_images',
  );
  return rows[0] ?? { images: 0, bytes: 0 };
}

/** Which of these paths a picture's row names. */
export async function pathsWithRow(q: Queryable, paths: readonly string[]): Promise<Set<string>> {
  const { rows } = await q.query<{ path: string }>('select path from event_images where path = any($1::text[])', [
    paths,
  ]);
  return new Set(rows.map((row) => row.path));
}

/** Kept events with the bytes of their pictures, the largest first, with the bytes of all of them. */
export async function keptEvents(
  q: Queryable,
  limit: number,
): Promise<{ items: { event: string; bytes: number }[]; bytes: number }> {
  const { rows } = await q.query<{ event: string; bytes: number; total: number }>(
    `select event, bytes, sum(bytes) over ()::int8 as total
       from (select e.id as event, (select coalesce(sum(size), 0)::int8 from event_images where event_id = e.id) as bytes
               from events e where e.keep) as kept
      order by bytes desc, event limit $1`,
    [limit],
  );
  return { items: rows.map(({ event, bytes }) => ({ event, bytes })), bytes: rows[0]?.total ?? 0 };
}
