import { AppError } from '../contracts/errors.ts';
import type { ImageRecord, ProductRecord, VideoRecord } from '../contracts/gallery.ts';
import type { ImageRow } from '../db/images.repo.ts';
import type { ProductRow } from '../db/products.repo.ts';
import type { VideoRow } from '../db/videos.repo.ts';

/** A picture as the API shows it. */
export function imageRecord(row: ImageRow): ImageRecord {
  return {
    id: row.id,
    camera: row.camera_id,
    device: row.device_id,
    product_id: row.product_id,
    user_id: row.user_id,
    filename: row.filename,
    image: `/api/v1/images/${row.id}/image.jpg`,
    description: row.description,
    captured_at: row.captured_at.toISOString(),
    exposure: row.exposure,
    gain: row.gain,
    width: row.width,
    height: row.height,
    size: row.size,
    metadata: row.metadata,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

/** A product as the API shows it. */
export function productRecord({ created_at, updated_at, ...row }: ProductRow): ProductRecord {
  return { ...row, created_at: created_at.toISOString(), updated_at: updated_at.toISOString() };
}

/** A recording as the API shows it. */
export function videoRecord({
  camera_id,
  started_at,
  ended_at,
  created_at,
  updated_at,
  ...row
}: VideoRow): VideoRecord {
  return {
    ...row,
    camera: camera_id,
    started_at: started_at?.toISOString() ?? null,
    ended_at: ended_at?.toISOString() ?? null,
    created_at: created_at.toISOString(),
    updated_at: updated_at.toISOString(),
  };
}

/** Throws for a cursor that we did not give. */
export function parseCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  const id = /^\d{1,9}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (Number.isNaN(id)) throw new AppError('request.invalid', 'cursor is not one that we gave', { field: 'cursor' });
  return id;
}

/** A page of one row more than asked: that one tells whether there is a next. */
export function page<R extends { id: number }, T>(rows: R[], limit: number, record: (row: R) => T) {
  const shown = rows.slice(0, limit);
  return { items: shown.map(record), next: rows.length > limit ? String(shown.at(-1)?.id) : null };
}
