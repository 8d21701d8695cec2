import { setTimeout as pause } from 'node:timers/promises';
import sharp from 'sharp';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { StoredFrame } from '../../runtime/contracts/host.ts';
import { bumpLane } from '../../runtime/db/camera-lanes.repo.ts';
import type { Db, Queryable } from '../../runtime/db/db.ts';
import { uuidv7 } from '../../runtime/lib/ids.ts';

/** A JPEG of one colour. */
export function plainJpeg(width = 64, height = 48, background = '#808080'): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background } })
    .jpeg()
    .toBuffer();
}

/** Frames with rows in the database and bytes in memory, for tests of what comes after ingest. */
export class FrameShelf {
  readonly #frames = new Map<string, { frame: StoredFrame; jpeg: Buffer }>();
  #nextSeq = 0;

  /** Rows of a capture and its job, and the lane's bump, in one transaction as ingest does it. Answers the frame. */
  async add(db: Db, options: Partial<StoredFrame> & { jpeg?: Buffer; job?: boolean } = {}): Promise<StoredFrame> {
    const { jpeg = await plainJpeg(), job = true, ...fields } = options;
    const frame: StoredFrame = {
      id: uuidv7(),
      device: 'pi',
      camera: 'pi-cam',
      seq: this.#nextSeq,
      capturedAt: Date.now(),
      receivedAt: Date.now(),
      width: 64,
      height: 48,
      jpegQuality: 80,
      ...fields,
    };
    this.#nextSeq = Math.max(this.#nextSeq, frame.seq) + 1;
    this.#frames.set(frame.id, { frame, jpeg });
    await db.tx(async (q) => {
      await insertRows(q, frame, jpeg.length, job);
      if (job) await bumpLane(q, frame.camera);
    });
    return frame;
  }

  /** What a stage is given to read frames with. */
  readonly read = async (id: string): Promise<{ frame: StoredFrame; jpeg: Buffer }> => {
    // A real one takes its time; what relies on an answer in the same turn shows.
    await pause(1);
    const entry = this.#frames.get(id);
    if (!entry) throw new AppError('capture.bytes_gone', `the bytes of frame ${id} are gone`);
    return entry;
  };

  /** Takes the bytes away, as when a segment was deleted. */
  lose(id: string): void {
    this.#frames.delete(id);
  }
}

/** The rows of one frame; the lane is the caller's. */
export async function insertRows(q: Queryable, frame: StoredFrame, size = 1000, job = true): Promise<void> {
  await q.query(
    `insert into captures (id, device_id, camera_id, seq, captured_at, received_at, width, height, jpeg_quality, size, crc32,
                           node_id, segment, segment_offset)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 'test', 1, 0)`,
    [
      frame.id,
      frame.device,
      frame.camera,
      frame.seq,
      new Date(frame.capturedAt),
      new Date(frame.receivedAt),
      frame.width,
      frame.height,
      frame.jpegQuality,
      size,
    ],
  );
  if (!job) return;
  await q.query(`insert into jobs (camera_id, device_id, seq, capture_id) values ($1, $2, $3, $4)`, [
    frame.camera,
    frame.device,
    frame.seq,
    frame.id,
  ]);
}
