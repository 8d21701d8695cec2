import { readdir, stat } from 'node:fs/promises';

/** Bytes of a file; undefined when it is not there. */
export async function fileSize(path: string): Promise<number | undefined> {
  return (await statOf(path))?.size;
}

/** Size and epoch ms of the last change; undefined when it is not there. */
export async function statOf(path: string): Promise<{ size: number; changedAt: number } | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, changedAt: mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** What is in a folder, by name; nothing when it is not there or no folder. */
export async function entriesOf(path: string): Promise<{ name: string; isFolder: boolean }[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries
      .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
