import { randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Name of a file that is being written: whoever sweeps a folder may delete those at start. */
export const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/**
 * Writes a file so that after a power cut either the old or the new one is there, whole: temporary file in the same folder,
 * fsync, rename, fsync of the folder. (On a file system that drops what was not synced, write + rename alone lost 20 of 20.)
 */
export async function writeFileDurably(path: string, data: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Writes a file under a name that nothing has yet: when it resolves, a power cut takes neither it nor its name. It may be there in part
 * before; so the name must be one that nobody looks for until then. One thing less to wait for than `writeFileDurably`: file and folder
 * are synced side by side.
 */
export async function writeNewFileDurably(path: string, data: Uint8Array, mode = 0o644): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(data);
    await Promise.all([file.sync(), syncFolder(dirname(path))]);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** What a read of the file system answers, or undefined where nothing is at that path. */
export async function ifThere<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Makes the entries of a folder (creations, renames, deletions) durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Makes a folder with its parents; readable by its owner only when it holds secrets. */
export async function ensureFolder(path: string, mode = 0o755): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}
