import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureFolder } from '../../runtime/lib/files.ts';

/** A folder for files that nobody sends any more but a person may want to see. It is bounded: the oldest go first. */
export class Shelf {
  readonly #folder: string;
  readonly #limits: { files: number; bytes: number };

  constructor(folder: string, limits: { files: number; bytes: number }) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Moves the file here (no space is needed for it), then makes room. */
  async put(path: string, name: string): Promise<void> {
    await ensureFolder(this.#folder);
    await rename(path, join(this.#folder, name));
    await this.#prune();
  }

  async #prune(): Promise<void> {
    const files: { path: string; size: number; at: number }[] = [];
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const { size, ctimeMs } = await stat(path);
      files.push({ path, size, at: ctimeMs });
    }
    files.sort((a, b) => a.at - b.at);
    let bytes = files.reduce((sum, file) => sum + file.size, 0);
    for (let count = files.length; count > this.#limits.files || bytes > this.#limits.bytes; count -= 1) {
      const oldest = files.shift();
      if (!oldest) return;
      await rm(oldest.path, { recursive: true, force: true });
      bytes -= oldest.size;
    }
  }
}
