import {
  deleteCaptures,
  type JudgedCapture,
  type OfCameras,
  pageCaptures,
  type TimeCursor,
} from '../db/retention.repo.ts';
import type { Run, Share } from './run.ts';

/** Which frames are to go: those received before (epoch ms), within a share of rows, until so many bytes are gone. */
export interface CaptureWish {
  before?: number;
  share?: Share | undefined;
  bytes?: number;
}

/**
 * Deletes rows of frames, oldest first, batch by batch. What somebody keeps stays, and what is not analysed yet too, as long as that
 * is below its cap. Their bytes go with their segments. Answers the bytes of the pictures.
 */
export async function removeCaptures(run: Run, of: OfCameras, wish: CaptureWish): Promise<number> {
  let after: TimeCursor | undefined;
  let bytes = 0;
  do {
    const page = await pageCaptures(run.parts.db, of, { before: wish.before, after, limit: run.batch });
    const chosen: JudgedCapture[] = [];
    const unfinished: JudgedCapture[] = [];
    for (const row of page.rows) {
      if (wish.bytes !== undefined && bytes >= wish.bytes) break;
      if (!mayGo(run, row)) continue;
      if (wish.share && wish.share.left === 0) {
        wish.share.more = true;
        break;
      }
      if (wish.share) wish.share.left -= 1;
      if (row.unfinished) {
        run.unfinishedLeft -= row.size;
        unfinished.push(row);
      }
      chosen.push(row);
      bytes += row.size;
    }
    await remove(run, chosen, unfinished);
    after = page.next;
    if (wish.share?.more || (wish.bytes !== undefined && bytes >= wish.bytes)) break;
    await run.breathe();
  } while (after);
  return bytes;
}

function mayGo(run: Run, row: JudgedCapture): boolean {
  if (row.kept || run.goneCaptures.has(row.id)) return false;
  return !row.unfinished || row.size <= run.unfinishedLeft;
}

async function remove(run: Run, chosen: JudgedCapture[], unfinished: JudgedCapture[]): Promise<void> {
  if (chosen.length === 0) return;
  const { deleted } = run.report;
  run.report.unfinished.deleted_captures += unfinished.length;
  if (run.dry) {
    deleted.captures += chosen.length;
    for (const { id, camera, size, node, segment } of chosen) {
      run.goneCaptures.add(id);
      run.countGone(camera, size);
      if (node === run.parts.nodeId) run.goneRows.set(segment, (run.goneRows.get(segment) ?? 0) + 1);
    }
    return;
  }
  const ids = (rows: JudgedCapture[]) => rows.map(({ id }) => id);
  deleted.captures += await deleteCaptures(run.parts.db, ids(chosen), ids(unfinished));
  run.point('captures.deleted');
}
