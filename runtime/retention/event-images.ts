import { rmdir, unlink } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import type { OfCameras, TimeCursor } from '../db/retention.repo.ts';
import {
  deleteMarkedImages,
  imageTotals,
  type JudgedEvent,
  type MarkedImage,
  markedImages,
  markImages,
  pageEventsWithImages,
  unmarkImage,
} from '../db/retention-images.repo.ts';
import { fileSize } from './files.ts';
import { BATCH_EVENTS, FILES_IN_FLIGHT } from './limits.ts';
import type { Run, Share } from './run.ts';

/** Which pictures are to go: of events entered before (epoch ms), within a share of events, until so many bytes are gone. */
export interface ImageWish {
  before?: number;
  /** an event that never ended counts only when it was entered before this */
  openBefore?: number;
  /** of events */
  share?: Share | undefined;
  bytes?: number;
}

/** Ends what a killed run had begun: marked pictures go, those of events kept since are taken back where the file is still there. */
export async function finishBegunImages(run: Run): Promise<void> {
  const { db, folder } = run.parts;
  // Files that cannot be deleted keep their mark: each is tried once a run.
  const tried = new Set<string>();
  for (;;) {
    const marked = (await markedImages(db, BATCH_EVENTS + tried.size)).filter(({ path }) => !tried.has(path));
    if (marked.length === 0) return;
    const gone: MarkedImage[] = [];
    for (const image of marked) {
      tried.add(image.path);
      if (image.kept && (await fileSize(join(folder, image.path))) !== undefined) {
        if (!run.dry) await unmarkImage(db, image);
      } else gone.push(image);
    }
    if (run.dry) countImages(run, gone);
    else await removeMarked(run, gone);
    await run.breathe();
  }
}

/**
 * Deletes pictures of events, event by event, oldest first; kept events are left out. The events stay, and say since when their
 * pictures are gone. Answers the bytes that went.
 */
export async function removeEventImages(run: Run, of: OfCameras, wish: ImageWish): Promise<number> {
  let after: TimeCursor | undefined;
  let bytes = 0;
  do {
    const page = await pageEventsWithImages(run.parts.db, of, { ...wish, after, limit: BATCH_EVENTS });
    const chosen: JudgedEvent[] = [];
    for (const row of page.rows) {
      if (wish.bytes !== undefined && bytes >= wish.bytes) break;
      if (run.goneEvents.has(row.event)) continue;
      if (wish.share && wish.share.left === 0) {
        wish.share.more = true;
        break;
      }
      if (wish.share) wish.share.left -= 1;
      chosen.push(row);
      bytes += row.bytes;
    }
    await remove(run, chosen);
    after = page.next;
    if (wish.share?.more || (wish.bytes !== undefined && bytes >= wish.bytes)) break;
    await run.breathe();
  } while (after);
  return bytes;
}

/** Bytes of all pictures of events. */
export async function eventImageBytes(run: Run): Promise<number> {
  const { bytes } = await imageTotals(run.parts.db);
  return bytes - (run.dry ? run.report.deleted.event_image_bytes : 0);
}

async function remove(run: Run, chosen: JudgedEvent[]): Promise<void> {
  if (chosen.length === 0) return;
  if (run.dry) {
    for (const { event, camera, images, bytes } of chosen) {
      run.goneEvents.add(event);
      run.countGone(camera, bytes);
      run.report.deleted.events += 1;
      run.report.deleted.event_images += images;
      run.report.deleted.event_image_bytes += bytes;
    }
    return;
  }
  const marked = await markImages(
    run.parts.db,
    chosen.map(({ event }) => event),
  );
  run.point('images.marked');
  await removeMarked(run, marked);
}

async function removeMarked(run: Run, marked: MarkedImage[]): Promise<void> {
  const { db } = run.parts;
  for (let at = 0; at < marked.length; at += run.batch) {
    const batch = marked.slice(at, at + run.batch);
    const gone: MarkedImage[] = [];
    const rest = [...batch];
    const worker = async () => {
      for (let image = rest.pop(); image; image = rest.pop()) {
        if (!(await removeImage(run, image))) continue;
        gone.push(image);
        run.point('image.removed');
      }
    };
    await Promise.all(Array.from({ length: FILES_IN_FLIGHT }, worker));
    await deleteMarkedImages(db, gone, run.report.started_at);
    run.point('images.deleted');
    countImages(run, gone);
    for (const path of new Set(gone.map((image) => dirname(image.path)))) await removeEmptyFolder(run, path);
  }
}

/** False when the file is still there. */
async function removeImage(run: Run, { path }: MarkedImage): Promise<boolean> {
  const { folder, log } = run.parts;
  try {
    // What a row says becomes a path that is deleted: only ever below the pictures' own folder.
    if (normalize(path) !== path || !path.startsWith('events/')) throw new Error('the path is not one of a picture');
    await unlink(join(folder, path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    log.error('a picture could not be deleted', { path, error });
    run.note('some pictures could not be deleted: see the log');
    return false;
  }
}

async function removeEmptyFolder(run: Run, path: string): Promise<void> {
  try {
    await rmdir(join(run.parts.folder, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') run.parts.log.warn('an empty folder stays', { path, error });
  }
}

function countImages(run: Run, images: MarkedImage[]): void {
  const { deleted } = run.report;
  deleted.events += new Set(images.map(({ event }) => event)).size;
  deleted.event_images += images.length;
  deleted.event_image_bytes += images.reduce((sum, { size }) => sum + size, 0);
  if (run.dry) for (const { event } of images) run.goneEvents.add(event);
}
