import {
  countSegmentRows,
  deleteMarkedCaptures,
  markedSegments,
  markSegment,
  segmentContents,
  segmentsWithoutRows,
  unmarkSegment,
} from '../db/retention.repo.ts';
import { findCheckpoint } from '../db/segment-checkpoints.repo.ts';
import type { Run } from './run.ts';

interface Segment {
  segment: number;
  size: number;
}

/** Ends what a killed run had begun: a marked segment goes, unless somebody keeps one of its frames now and the file is still there. */
export async function finishBegunSegments(run: Run): Promise<void> {
  const { db, store, nodeId } = run.parts;
  const marked = await markedSegments(db, nodeId);
  if (marked.length === 0) return;
  const there = new Map((await store.segments()).map((info) => [info.segment, info]));
  for (const { segment, kept } of marked) {
    const info = there.get(segment);
    if (info && (kept || !info.closed)) {
      if (!run.dry) await unmarkSegment(db, nodeId, segment);
      continue;
    }
    await removeFileAndRows(run, { segment, size: info?.size ?? 0 });
  }
}

/** Deletes the segments that no row points into any more. */
export async function removeFreeSegments(run: Run): Promise<void> {
  const { db, nodeId } = run.parts;
  // Without a checkpoint, or behind it, there may be frames whose rows are still to come.
  const checkpoint = await findCheckpoint(db, nodeId);
  const closed = (await closedSegments(run)).filter(({ segment }) => checkpoint && segment <= checkpoint.segment);
  const free = await segmentsWithoutRows(
    db,
    nodeId,
    closed.map(({ segment }) => segment),
  );
  const emptied = [...run.goneRows.keys()];
  for (const [segment, rows] of await countSegmentRows(db, nodeId, emptied)) {
    if (rows <= (run.goneRows.get(segment) ?? 0)) free.add(segment);
  }
  for (const info of closed) {
    if (!free.has(info.segment)) continue;
    await removeFile(run, info);
    await run.breathe();
  }
}

/**
 * Deletes whole segments, oldest first, until so many bytes are gone; rows and all. Left out are the one being written, those with a
 * frame that somebody keeps, and those with frames that are not analysed yet, below their cap. Answers the bytes that went.
 */
export async function removeOldestSegments(run: Run, bytes: number): Promise<number> {
  const { db, nodeId } = run.parts;
  let freed = 0;
  for (const info of await closedSegments(run)) {
    if (freed >= bytes) break;
    const contents = await segmentContents(db, nodeId, info.segment);
    if (contents.kept > 0) continue;
    if (contents.unfinishedBytes > 0 && contents.unfinishedBytes > run.unfinishedLeft) continue;
    if (!run.dry && !(await db.tx((q) => markSegment(q, nodeId, info.segment)))) continue;
    run.unfinishedLeft -= contents.unfinishedBytes;
    run.report.unfinished.deleted_captures += contents.unfinished;
    run.point('segment.marked');
    await removeFileAndRows(run, info, contents.rows);
    freed += info.size;
    await run.breathe();
  }
  return freed;
}

/** Bytes of all segments, that being written among them. */
export async function segmentBytes(run: Run): Promise<number> {
  const infos = await run.parts.store.segments();
  return infos.reduce((sum, info) => sum + (run.goneSegments.has(info.segment) ? 0 : info.size), 0);
}

async function closedSegments(run: Run): Promise<Segment[]> {
  return (await run.parts.store.segments()).filter((info) => info.closed && !run.goneSegments.has(info.segment));
}

async function removeFileAndRows(run: Run, info: Segment, rows?: number): Promise<void> {
  const { db, nodeId } = run.parts;
  if (!(await removeFile(run, info))) return;
  if (run.dry) {
    const there = rows ?? (await segmentContents(db, nodeId, info.segment)).rows;
    run.report.deleted.captures += Math.max(0, there - (run.goneRows.get(info.segment) ?? 0));
    return;
  }
  for (let deleted = run.batch; deleted === run.batch; ) {
    deleted = await deleteMarkedCaptures(db, nodeId, info.segment, run.batch);
    run.report.deleted.captures += deleted;
    run.point('segment.rows');
    await run.breathe();
  }
}

/** False when the file could not be deleted; its rows keep their mark, and the next run tries again. */
async function removeFile(run: Run, { segment, size }: Segment): Promise<boolean> {
  const { store, log } = run.parts;
  const { deleted } = run.report;
  if (run.dry) run.goneSegments.add(segment);
  else {
    try {
      if (!(await store.remove(segment))) return true;
    } catch (error) {
      log.error('a segment could not be deleted', { segment, error });
      run.note('some segments could not be deleted: see the log');
      return false;
    }
    run.point('segment.removed');
  }
  deleted.segments += 1;
  deleted.segment_bytes += size;
  return true;
}
