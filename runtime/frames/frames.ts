import type { CaptureRecord, ListQuery, Page } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';
import type { StoredFrame } from '../contracts/host.ts';
import type { FramesService } from '../contracts/services.ts';
import { type CaptureRow, findCapture, listCaptures } from '../db/captures.repo.ts';
import type { Db } from '../db/db.ts';
import { isUuid } from '../lib/ids.ts';
import type { FrameIntake } from './intake.ts';
import type { SegmentStore } from './segment-store.ts';

export interface FramesOptions {
  db: Db;
  store: SegmentStore;
  nodeId: string;
  intake: Pick<FrameIntake, 'accept' | 'trouble'>;
}

export interface Frames extends FramesService {
  /** A frame with its bytes, for the worker of jobs; throws `capture.not_found` or `capture.bytes_gone`. */
  read(id: string): Promise<{ frame: StoredFrame; jpeg: Buffer }>;
}

/** The public face of this stage: takes frames, lists them, gives their bytes. */
export function createFrames({ db, store, nodeId, intake }: FramesOptions): Frames {
  const row = async (id: string): Promise<CaptureRow> => {
    const found = isUuid(id) ? await findCapture(db, id) : undefined;
    if (!found) throw new AppError('capture.not_found', `there is no capture ${id}`);
    return found;
  };

  const read: Frames['read'] = async (id) => {
    const found = await row(id);
    if (found.node_id !== nodeId) {
      throw new AppError('capture.bytes_gone', `the picture is on another server (${found.node_id})`);
    }
    const { header, jpeg } = await store.read({ segment: found.segment, offset: found.segment_offset }, found.size);
    if (header.id !== id) throw new AppError('capture.bytes_gone', 'another picture is where this one was stored');
    return { frame: toStored(found), jpeg };
  };

  return {
    accept: (frame) => intake.accept(frame),
    trouble: () => intake.trouble(),
    read,
    image: async (id) => (await read(id)).jpeg,
    get: async (id) => toRecord(await row(id)),
    async list(query: ListQuery): Promise<Page<CaptureRecord>> {
      const before = query.cursor === undefined ? undefined : parseCursor(query.cursor);
      const rows = await listCaptures(db, { ...query, limit: query.limit + 1, before });
      const items = rows.slice(0, query.limit);
      const last = items.at(-1);
      return { items: items.map(toRecord), next: rows.length > query.limit && last ? cursorOf(last) : null };
    },
  };
}

function cursorOf(row: CaptureRow): string {
  return Buffer.from(`${row.received_at.getTime()}.${row.id}`).toString('base64url');
}

function parseCursor(cursor: string): { receivedAt: number; id: string } {
  const [, at, id] = /^(\d{1,15})\.(.+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8')) ?? [];
  if (at === undefined || id === undefined || !isUuid(id)) {
    throw new AppError('request.invalid', 'cursor is not one that a list gave', { field: 'cursor' });
  }
  return { receivedAt: Number(at), id };
}

function toStored(row: CaptureRow): StoredFrame {
  return {
    id: row.id,
    device: row.device_id,
    camera: row.camera_id,
    seq: row.seq,
    capturedAt: row.captured_at.getTime(),
    receivedAt: row.received_at.getTime(),
    width: row.width,
    height: row.height,
    jpegQuality: row.jpeg_quality,
  };
}

function toRecord(row: CaptureRow): CaptureRecord {
  return {
    id: row.id,
    device: row.device_id,
    camera: row.camera_id,
    seq: row.seq,
    captured_at: row.captured_at.toISOString(),
    received_at: row.received_at.toISOString(),
    width: row.width,
    height: row.height,
    jpeg_quality: row.jpeg_quality,
    size: row.size,
    image: `/api/v1/captures/${row.id}/image.jpg`,
    meta: row.meta,
  };
}
