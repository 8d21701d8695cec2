import { rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathsWithRow } from '../db/retention-images.repo.ts';
import { entriesOf, statOf } from './files.ts';
import { BATCH_EVENTS, ORPHAN_AGE_MS } from './limits.ts';
import type { Run } from './run.ts';

const ROOT = 'events';

/**
 * Deletes files below `events/` that no row names and that are older than an hour: what a transaction that was rolled back, or a
 * process that died, left behind. `now` is the clock that the files' times come from; not to be called when that has just jumped.
 */
export async function removeOrphans(run: Run, now: number): Promise<void> {
  const before = now - ORPHAN_AGE_MS;
  let batch: string[] = [];
  const look = async () => {
    await removeOrphansAmong(run, batch, before);
    batch = [];
    await run.breathe();
  };
  for await (const file of filesBelow(run, ROOT, before, 0)) {
    batch.push(file);
    if (batch.length >= BATCH_EVENTS) await look();
  }
  await look();
}

/** Paths below the data folder, depth first; old empty folders are removed on the way. */
async function* filesBelow(run: Run, path: string, before: number, depth: number): AsyncGenerator<string> {
  const entries = await entriesOf(join(run.parts.folder, path));
  if (entries.length === 0 && depth > 0 && !run.dry) await removeOldEmptyFolder(run, path, before);
  for (const { name, isFolder } of entries) {
    if (isFolder) yield* filesBelow(run, `${path}/${name}`, before, depth + 1);
    else yield `${path}/${name}`;
  }
}

async function removeOrphansAmong(run: Run, paths: string[], before: number): Promise<void> {
  if (paths.length === 0) return;
  const { db, folder, log } = run.parts;
  const known = await pathsWithRow(db, paths);
  for (const path of paths) {
    if (known.has(path)) continue;
    const found = await statOf(join(folder, path));
    if (!found || found.changedAt >= before) continue;
    if (!run.dry) {
      try {
        await unlink(join(folder, path));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        log.error('a file without a row could not be deleted', { path, error });
        run.note('some files without a row could not be deleted: see the log');
        continue;
      }
      run.point('orphan.removed');
    }
    run.report.deleted.orphans += 1;
    run.report.deleted.orphan_bytes += found.size;
  }
}

async function removeOldEmptyFolder(run: Run, path: string, before: number): Promise<void> {
  const found = await statOf(join(run.parts.folder, path));
  if (!found || found.changedAt >= before) return;
  try {
    await rmdir(join(run.parts.folder, path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'ENOENT') run.parts.log.warn('an empty folder stays', { path, error });
  }
}
