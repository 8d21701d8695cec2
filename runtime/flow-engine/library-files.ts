import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import { ensureFolder, ifThere, writeFileDurably } from '../lib/files.ts';

type Entry = string | Record<string, unknown>;

/** The library of the editor (flows, functions, templates that people save for later). */
export interface LibraryFiles {
  /** The text of an entry, or for a folder the list of what is in it: names of folders, `{fn, …meta}` of entries. */
  getLibraryEntry(type: string, path: string): Promise<string | Entry[]>;
  saveLibraryEntry(type: string, path: string, meta: Record<string, unknown>, body: string): Promise<void>;
}

/** Library entries as files below `root`: `<type>/<path>.json` with `{meta, body}`. Paths cannot leave it. */
export function createLibraryFiles(root: string): LibraryFiles {
  const place = (type: string, path: string): string => {
    const found = resolve(root, type, path.replace(/^\/+/, ''));
    if (found !== resolve(root, type) && !found.startsWith(`${resolve(root, type)}${sep}`)) throw outside(path);
    if (!resolve(root, type).startsWith(`${resolve(root)}${sep}`)) throw outside(type);
    return found;
  };
  return {
    async getLibraryEntry(type, path) {
      const found = place(type, path);
      const text = await ifThere(() => readFile(`${found}.json`, 'utf8'));
      if (text !== undefined) return (JSON.parse(text) as { body: string }).body;
      const entries = await ifThere(() => readdir(found, { withFileTypes: true }));
      const names = (entries ?? []).filter((entry) => !entry.name.startsWith('.'));
      const folders = names.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
      const files = names.filter((entry) => entry.isFile() && entry.name.endsWith('.json')).map((entry) => entry.name);
      const metas = files.sort().map(async (name) => {
        const { meta } = JSON.parse(await readFile(join(found, name), 'utf8')) as { meta: Record<string, unknown> };
        return { ...meta, fn: name.replace(/\.json$/, '') };
      });
      return [...folders.sort(), ...(await Promise.all(metas))];
    },
    async saveLibraryEntry(type, path, meta, body) {
      const found = place(type, path.replace(/\.json$/, ''));
      await ensureFolder(dirname(found));
      await writeFileDurably(`${found}.json`, `${JSON.stringify({ meta, body }, null, 2)}\n`);
    },
  };
}

function outside(path: string): AppError {
  return new AppError('flow.invalid', `${JSON.stringify(path)} is not a place in the library`);
}
