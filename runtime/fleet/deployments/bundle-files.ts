import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex } from '../../lib/canonical-json.ts';
import { ensureFolder, ifThere, TEMPORARY, writeFileDurably } from '../../lib/files.ts';

const NAME = /^[0-9a-f]{64}$/;

/** Bundles on disk, each under the hash of its bytes. Readable by the owner only: flows may hold what nobody else should read. */
export class BundleFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await ensureFolder(this.#folder, 0o700);
  }

  /** Resolves when it is durable. */
  async put(text: string): Promise<void> {
    const path = join(this.#folder, sha256Hex(text));
    if ((await ifThere(() => readFile(path, 'utf8'))) !== text) await writeFileDurably(path, text, 0o600);
  }

  /** A bundle; undefined when it is not there, or its bytes are not those of its name any more. */
  async read(sha256: string): Promise<string | undefined> {
    if (!NAME.test(sha256)) return undefined;
    const text = await ifThere(() => readFile(join(this.#folder, sha256), 'utf8'));
    return text !== undefined && sha256Hex(text) === sha256 ? text : undefined;
  }

  /** Bytes `[from, to)` of a bundle and its size; undefined when it is not there. */
  async part(sha256: string, from: number, to: number): Promise<{ bytes: Buffer; size: number } | undefined> {
    if (!NAME.test(sha256)) return undefined;
    const file = await ifThere(() => open(join(this.#folder, sha256), 'r'));
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      const end = Math.min(to, size);
      const bytes = Buffer.alloc(Math.max(0, end - from));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
      return { bytes: bytes.subarray(0, bytesRead), size };
    } finally {
      await file.close();
    }
  }

  /** Deletes what no deployment names, and what a crash left half written. */
  async sweep(named: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (TEMPORARY.test(name) || (NAME.test(name) && !named.has(name)))
        await rm(join(this.#folder, name), { force: true });
    }
  }
}
