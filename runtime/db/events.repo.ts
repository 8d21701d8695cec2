import type { ListQuery } from '../contracts/api.ts';
import type { Transition } from '../contracts/detection.ts';
import type { EventPatch, EventRecord, EventType, ImageRole } from '../contracts/events.ts';
import type { Queryable } from './db.ts';

/** Where an event belongs. */
export interface EventPlace {
  device: string;
  camera: string;
}

/** Position in the list: the event last shown. */
export interface EventPosition {
  startedAt: number;
  id: string;
}

interface EventRow {
  id: string;
  type: EventType;
  state: 'open' | 'closed';
  device_id: string;
  camera_id: string;
  rois: string[];
  started_at: Date;
  ended_at: Date | null;
  stock_changed: boolean | null;
  score: number;
  details: Record<string, unknown>;
  parent: string | null;
  reviewed: boolean;
  verdict: boolean | null;
  note: string | null;
  keep: boolean;
  roles: ImageRole[];
}

const SELECT = `select id, type, state, device_id, camera_id, rois, started_at, ended_at, stock_changed,
    score::float8 as score, details, parent, reviewed, verdict, note, keep,
    array(select role from event_images where event_id = events.id and deleting_at is null order by role) as roles
  from events`;

/** Enters an event; false when it is there already. An `end` enters it closed. */
export async function insertEvent(
  q: Queryable,
  place: EventPlace,
  transition: Transition,
  details: Record<string, unknown>,
): Promise<boolean> {
  const closed = transition.phase === 'end';
  const { rowCount } = await q.query(
    `insert into events (id, type, state, device_id, camera_id, rois, started_at, ended_at, stock_changed, score,
                         details, parent)
     values ($1, $2, $3, $4, $5, $6::text[], $7, $8, $9, $10::float8, $11::text::jsonb, $12)
     on conflict (id) do nothing`,
    [
      transition.event,
      transition.type,
      closed ? 'closed' : 'open',
      place.device,
      place.camera,
      transition.rois,
      new Date(transition.startedAt),
      closed ? endOf(transition) : null,
      transition.stockChanged,
      transition.score,
      JSON.stringify(details),
      transition.parent ?? null,
    ],
  );
  return rowCount > 0;
}

/** Completes an open event; false when there is none. What people wrote on it meanwhile stays. */
export async function closeEvent(
  q: Queryable,
  transition: Transition,
  details: Record<string, unknown>,
): Promise<boolean> {
  const { rowCount } = await q.query(
    `update events
        set state = 'closed', rois = $2::text[], ended_at = $3, stock_changed = $4, score = $5::float8,
            details = details || $6::text::jsonb, updated_at = now()
      where id = $1 and state = 'open'`,
    [
      transition.event,
      transition.rois,
      endOf(transition),
      transition.stockChanged,
      transition.score,
      JSON.stringify(details),
    ],
  );
  return rowCount > 0;
}

function endOf(transition: Transition): Date {
  return new Date(transition.endedAt ?? transition.startedAt);
}

/** One event, or undefined. */
export async function getEvent(q: Queryable, id: string): Promise<EventRecord | undefined> {
  const { rows } = await q.query<EventRow>(`${SELECT} where id = $1`, [id]);
  return rows[0] && toRecord(rows[0]);
}

/** Events from `after` on, the newest first; times are those of their start. */
export async function listEvents(
  q: Queryable,
  query: Omit<ListQuery, 'cursor'> & { type?: EventType; reviewed?: boolean; after?: EventPosition },
): Promise<EventRecord[]> {
  const { rows } = await q.query<EventRow>(
    `${SELECT}
      where ($1::timestamptz is null or (started_at, id) < ($1::timestamptz, $2::uuid))
        and ($3::text is null or type = $3::text)
        and ($4::text is null or device_id = $4::text)
        and ($5::text is null or camera_id = $5::text)
        and ($6::text[] is null or camera_id = any($6::text[]))
        and ($7::timestamptz is null or started_at >= $7::timestamptz)
        and ($8::timestamptz is null or started_at < $8::timestamptz)
        and ($9::boolean is null or reviewed = $9::boolean)
      order by started_at desc, id desc limit $10`,
    [
      query.after ? new Date(query.after.startedAt) : null,
      query.after?.id ?? null,
      query.type ?? null,
      query.device ?? null,
      query.camera ?? null,
      query.cameras,
      query.from === undefined ? null : new Date(query.from),
      query.to === undefined ? null : new Date(query.to),
      query.reviewed ?? null,
      query.limit,
    ],
  );
  return rows.map(toRecord);
}

/** Writes what a person said of an event; fields that are not given stay. False when there is no such event. */
export async function patchEvent(q: Queryable, id: string, change: EventPatch): Promise<boolean> {
  const { rowCount } = await q.query(
    `update events
        set note = case when $2::boolean then $3::text else note end,
            verdict = case when $4::boolean then $5::boolean else verdict end,
            reviewed = coalesce($6::boolean, reviewed),
            keep = coalesce($7::boolean, keep),
            updated_at = now()
      where id = $1`,
    [
      id,
      change.note !== undefined,
      change.note ?? null,
      change.verdict !== undefined,
      change.verdict ?? null,
      change.reviewed ?? null,
      change.keep ?? null,
    ],
  );
  return rowCount > 0;
}

function toRecord(row: EventRow): EventRecord {
  return {
    id: row.id,
    type: row.type,
    state: row.state,
    device: row.device_id,
    camera: row.camera_id,
    rois: row.rois,
    started_at: row.started_at.toISOString(),
    ended_at: row.ended_at?.toISOString() ?? null,
    stock_changed: row.stock_changed,
    // The column is a 4-byte float; more digits than it has would only be noise.
    score: Number(row.score.toPrecision(7)),
    images: Object.fromEntries(row.roles.map((role) => [role, `/api/v1/events/${row.id}/images/${role}.jpg`])),
    details: row.details,
    parent: row.parent,
    reviewed: row.reviewed,
    verdict: row.verdict,
    note: row.note,
    keep: row.keep,
  };
}
