import type { GalleryQuery } from '../contracts/gallery.ts';
import type { Queryable } from './db.ts';

export interface ImageRow {
  id: number;
  camera_id: string;
  device_id: string;
  product_id: number | null;
  user_id: number | null;
  filename: string;
  path: string;
  description: string | null;
  captured_at: Date;
  exposure: number | null;
  gain: number | null;
  width: number;
  height: number;
  size: number;
  metadata: Record<string, unknown>;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = `id, camera_id, device_id, product_id, user_id, filename, path, description, captured_at, exposure, gain,
  width, height, size, metadata, created_at, updated_at`;

export interface NewImage {
  camera: string;
  device: string;
  productId: number | null;
  userId: number | null;
  filename: string;
  path: string;
  description: string | null;
  capturedAt: Date;
  exposure: number | null;
  gain: number | null;
  width: number;
  height: number;
  size: number;
  sha256: Buffer;
  metadata: object;
  at: Date;
  /** the device's own key for what it brings; good once */
  uploadKey?: string | undefined;
}

/** Adds a picture; undefined when its filename, or the device's key for it, is taken. A product that is not there is an error of the database (23503). */
export async function insertImage(q: Queryable, image: NewImage): Promise<ImageRow | undefined> {
  const { rows } = await q.query<ImageRow>(
    `insert into images (camera_id, device_id, product_id, user_id, filename, path, description, captured_at, exposure, gain,
                         width, height, size, sha256, metadata, created_at, updated_at, upload_key)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::text::jsonb, $16, $16, $17)
     on conflict do nothing returning ${COLUMNS}`,
    [
      image.camera,
      image.device,
      image.productId,
      image.userId,
      image.filename,
      image.path,
      image.description,
      image.capturedAt,
      image.exposure,
      image.gain,
      image.width,
      image.height,
      image.size,
      image.sha256,
      JSON.stringify(image.metadata),
      image.at,
      image.uploadKey ?? null,
    ],
  );
  return rows[0];
}

/** One picture that is not being deleted. */
export async function findImage(q: Queryable, id: number): Promise<ImageRow | undefined> {
  const text = `select ${COLUMNS} from images where id = $1 and deleting_at is null`;
  return (await q.query<ImageRow>(text, [id])).rows[0];
}

/** What a device brought under a key of its own, also while it is being deleted. */
export async function findImageByUpload(
  q: Queryable,
  device: string,
  key: string,
): Promise<{ id: number; path: string; sha256: Buffer } | undefined> {
  const text = 'select id, path, sha256 from images where device_id = $1 and upload_key = $2';
  const row = (await q.query<{ id: number; path: string; sha256: Uint8Array }>(text, [device, key])).rows[0];
  return row && { ...row, sha256: Buffer.from(row.sha256) };
}

const FILTER = `deleting_at is null
  and ($1::text[] is null or camera_id = any($1::text[]))
  and ($2::text is null or camera_id = $2::text)
  and ($3::text is null or device_id = $3::text)
  and ($4::integer is null or product_id = $4::integer)
  and ($5::integer is null or user_id = $5::integer)
  and ($6::timestamptz is null or captured_at >= $6::timestamptz)
  and ($7::timestamptz is null or captured_at < $7::timestamptz)
  and ($8::text is null or position(lower($8::text) in lower(description)) > 0)`;

function filterOf(query: GalleryQuery): unknown[] {
  const { cameras, camera, device, product, user, from, to, description } = query;
  const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
  const [some, one, at] = [product ?? null, user ?? null, description ?? null];
  return [cameras, camera ?? null, device ?? null, some, one, date(from), date(to), at];
}

/** Pictures, the newest first: below an id, or after so many. */
export async function listImages(
  q: Queryable,
  query: GalleryQuery & { before?: number | undefined; offset?: number | undefined },
): Promise<ImageRow[]> {
  const { rows } = await q.query<ImageRow>(
    `select ${COLUMNS} from images where ${FILTER} and ($9::integer is null or id < $9::integer)
      order by id desc limit $10 offset $11`,
    [...filterOf(query), query.before ?? null, query.limit, query.offset ?? 0],
  );
  return rows;
}

/** How many pictures a query is about. */
export async function countImages(q: Queryable, query: GalleryQuery): Promise<number> {
  const text = `select count(*)::int as n from images where ${FILTER}`;
  return (await q.query<{ n: number }>(text, filterOf(query))).rows[0]?.n ?? 0;
}

/** Marks a picture as going; undefined when there is none. */
export async function markImageDeleted(q: Queryable, id: number, at: Date): Promise<ImageRow | undefined> {
  const { rows } = await q.query<ImageRow>(
    `update images set deleting_at = coalesce(deleting_at, $2) where id = $1 returning ${COLUMNS}`,
    [id, at],
  );
  return rows[0];
}

/** Pictures whose deletion was begun. */
export async function markedImageFiles(q: Queryable): Promise<{ id: number; path: string }[]> {
  const text = 'select id, path from images where deleting_at is not null order by id';
  return (await q.query<{ id: number; path: string }>(text)).rows;
}

/** Forgets a picture whose file is gone. */
export async function deleteImageRow(q: Queryable, id: number): Promise<void> {
  await q.query('delete from images where id = $1 and deleting_at is not null', [id]);
}

/** Which of these paths have a row. */
export async function knownImagePaths(q: Queryable, paths: readonly string[]): Promise<Set<string>> {
  const { rows } = await q.query<{ path: string }>('select path from images where path = any($1::text[])', [paths]);
  return new Set(rows.map(({ path }) => path));
}

/** What pictures on request take: all together, and the largest. */
export async function requestedImages(
  q: Queryable,
  limit: number,
): Promise<{ bytes: number; items: { image: number; bytes: number }[] }> {
  const sum = await q.query<{ bytes: number }>('select coalesce(sum(size), 0)::bigint as bytes from images');
  const { rows } = await q.query<{ image: number; bytes: number }>(
    'select id as image, size as bytes from images order by size desc, id limit $1',
    [limit],
  );
  return { bytes: sum.rows[0]?.bytes ?? 0, items: rows };
}
