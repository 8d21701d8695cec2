import type { Log } from '../contracts/host.ts';
import { deleteSuperseded, insertMissingOwners, type NewCapture } from '../db/captures.repo.ts';
import type { Db } from '../db/db.ts';
import { findCheckpoint, highestSegment } from '../db/segment-checkpoints.repo.ts';
import { signsOf } from './device-signs.ts';
import { insertBatch } from './insert-batch.ts';
import type { Location, ReplayCounts, SegmentStore } from './segment-store.ts';

const BATCH_FRAMES = 500;

export interface ReplayOptions {
  db: Db;
  store: SegmentStore;
  nodeId: string;
  log: Log;
}

export interface ReplayReport extends ReplayCounts {
  /** rows that the database had lost, or never got */
  restored: number;
  /** rows of unacknowledged frames that gave way to a later one with the same key */
  superseded: number;
  /** records whose values the database does not take */
  refused: number;
}

/**
 * Puts back the rows of frames that are in the segments behind the checkpoint, with their jobs. The checkpoint is committed with every
 * batch: what lies before it and has no row was deleted on purpose, and stays so. Without a checkpoint (a new or restored database)
 * everything on disk is gone through. Doing it again changes nothing. To be run after `store.start()`, before frames are taken.
 */
export async function replayFrames({ db, store, nodeId, log }: ReplayOptions): Promise<ReplayReport> {
  const checkpoint = await findCheckpoint(db, nodeId);
  // Rows must never point into a segment of the same number that was written later.
  store.numbersAbove(Math.max(checkpoint?.segment ?? 0, await highestSegment(db, nodeId)));
  const report = { restored: 0, superseded: 0, refused: 0 };
  let waiting = new Map<string, NewCapture>();
  let end: Location | undefined;

  const flush = async () => {
    if (!end || waiting.size === 0) return;
    const frames = [...waiting.values()];
    waiting = new Map();
    await insertMissingOwners(db, frames);
    report.superseded += await deleteSuperseded(db, nodeId, frames);
    const { stored, refused } = await insertBatch(
      db,
      { nodeId, frames, devices: signsOf(frames), checkpoint: end },
      log,
    );
    report.restored += stored.size;
    report.refused += refused.size;
  };

  const counts = await store.replay(checkpoint, async ({ header, jpeg, crc }, at, next) => {
    const frame = { ...header, size: jpeg.length, crc32: crc, segment: at.segment, offset: at.offset };
    // A key is written a second time only where the first was not acknowledged or was deleted: the later one counts.
    const key = `${header.device} ${header.seq}`;
    waiting.delete(key);
    waiting.set(key, frame);
    end = next;
    if (waiting.size >= BATCH_FRAMES) await flush();
  });
  await flush();
  const full = { ...counts, ...report };
  if (full.records > 0 || full.damaged > 0) log.info('segments were replayed', { ...full, from: checkpoint });
  return full;
}
