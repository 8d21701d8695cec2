import type { GalleryQuery } from '../contracts/gallery.ts';
import type { Queryable } from './db.ts';

export interface VideoRow {
  id: number;
  url: string;
  title: string | null;
  description: string | null;
  camera_id: string | null;
  product_id: number | null;
  user_id: number | null;
  youtube_id: string | null;
  metadata: Record<string, unknown>;
  started_at: Date | null;
  ended_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = `id, url, title, description, camera_id, product_id, user_id, youtube_id, metadata, started_at, ended_at,
  created_at, updated_at`;

/** Adds a recording, or brings the one of the same YouTube id up to date; what is null then stays. A product that is gone counts as none. */
export async function upsertVideo(
  q: Queryable,
  video: {
    url: string;
    title: string | null;
    description: string | null;
    camera: string | null;
    productId: number | null;
    userId: number | null;
    youtubeId: string | null;
    metadata: object | null;
    startedAt: Date | null;
    endedAt: Date | null;
    at: Date;
  },
): Promise<VideoRow> {
  const { rows } = await q.query<VideoRow>(
    `insert into videos as v (url, title, description, camera_id, product_id, user_id, youtube_id, metadata, started_at, ended_at,
                              created_at, updated_at)
     values ($1, $2, $3, $4, (select id from products where id = $5::integer), $6, $7, coalesce($8::text::jsonb, '{}'), $9, $10, $11, $11)
     on conflict (youtube_id) where youtube_id is not null do update
       set url = excluded.url, title = coalesce(excluded.title, v.title),
           description = coalesce(excluded.description, v.description), camera_id = coalesce(excluded.camera_id, v.camera_id),
           product_id = coalesce(excluded.product_id, v.product_id), user_id = coalesce(excluded.user_id, v.user_id),
           metadata = v.metadata || excluded.metadata, started_at = coalesce(excluded.started_at, v.started_at),
           ended_at = coalesce(excluded.ended_at, v.ended_at), updated_at = excluded.updated_at
     returning ${COLUMNS}`,
    [
      video.url,
      video.title,
      video.description,
      video.camera,
      video.productId,
      video.userId,
      video.youtubeId,
      video.metadata === null ? null : JSON.stringify(video.metadata),
      video.startedAt,
      video.endedAt,
      video.at,
    ],
  );
  const [row] = rows;
  if (!row) throw new Error('the recording got no row');
  return row;
}

/** One recording, or undefined. */
export async function findVideo(q: Queryable, id: number): Promise<VideoRow | undefined> {
  return (await q.query<VideoRow>(`select ${COLUMNS} from videos where id = $1`, [id])).rows[0];
}

const FILTER = `($1::text[] is null or camera_id = any($1::text[]))
  and ($2::text is null or camera_id = $2::text)
  and ($3::integer is null or product_id = $3::integer)
  and ($4::integer is null or user_id = $4::integer)
  and ($5::timestamptz is null or created_at >= $5::timestamptz)
  and ($6::timestamptz is null or created_at < $6::timestamptz)
  and ($7::text is null or position(lower($7::text) in lower(description)) > 0)`;

function filterOf({ cameras, camera, product, user, from, to, description }: GalleryQuery): unknown[] {
  const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
  return [cameras, camera ?? null, product ?? null, user ?? null, date(from), date(to), description ?? null];
}

/** Recordings, the newest first: below an id, or after so many. */
export async function listVideos(
  q: Queryable,
  query: GalleryQuery & { before?: number | undefined; offset?: number | undefined },
): Promise<VideoRow[]> {
  const { rows } = await q.query<VideoRow>(
    `select ${COLUMNS} from videos where ${FILTER} and ($8::integer is null or id < $8::integer)
      order by id desc limit $9 offset $10`,
    [...filterOf(query), query.before ?? null, query.limit, query.offset ?? 0],
  );
  return rows;
}

/** How many recordings a query is about. */
export async function countVideos(q: Queryable, query: GalleryQuery): Promise<number> {
  const text = `select count(*)::int as n from videos where ${FILTER}`;
  return (await q.query<{ n: number }>(text, filterOf(query))).rows[0]?.n ?? 0;
}

/** Forgets a recording; false when there is none. */
export async function deleteVideo(q: Queryable, id: number): Promise<boolean> {
  return (await q.query('delete from videos where id = $1', [id])).rowCount > 0;
}

/** Forgets the recording of that YouTube id, if there is one. */
export async function forgetVideo(q: Queryable, youtubeId: string): Promise<void> {
  await q.query('delete from videos where youtube_id = $1', [youtubeId]);
}
