import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

/** What a pack says before its bytes. A file names one of the contents: a new database holds most of its tables three times. */
interface Head {
  folders: string[];
  files: [path: string, content: number][];
  /** lengths of the contents, bytes */
  contents: number[];
}

/**
 * A folder as one compressed block: its folders, also empty ones, and its plain files. Same contents are kept once. 39 MB of a new
 * database become 1 MB.
 */
export function packFolder(folder: string): Buffer {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).sort((one, other) =>
    pathOf(one) < pathOf(other) ? -1 : 1,
  );
  const head: Head = { folders: [], files: [], contents: [] };
  const contents: Buffer[] = [];
  const known = new Map<string, number>();
  for (const entry of entries) {
    const path = relative(folder, pathOf(entry));
    if (entry.isDirectory()) head.folders.push(path);
    if (!entry.isFile()) continue;
    const bytes = readFileSync(pathOf(entry));
    const digest = createHash('sha256').update(bytes).digest('hex');
    const content = known.get(digest) ?? contents.push(bytes) - 1;
    known.set(digest, content);
    head.files.push([path, content]);
  }
  head.contents = contents.map(({ length }) => length);
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  const window = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
  return brotliCompressSync(Buffer.concat([length, text, ...contents]), {
    params: { ...window, [constants.BROTLI_PARAM_QUALITY]: 7 },
  });
}

/** Writes what `packFolder` gave into a folder that is not there yet; only its owner reads it. Throws for a pack that is not whole. */
export function unpackFolder(pack: Uint8Array, to: string): void {
  const bytes = brotliDecompressSync(pack);
  const start = 4 + bytes.readUInt32LE(0);
  const head = JSON.parse(bytes.toString('utf8', 4, start)) as Head;
  const ends = head.contents.map((length, at) =>
    head.contents.slice(0, at).reduce((sum, one) => sum + one, start + length),
  );
  if (bytes.length !== (ends.at(-1) ?? start)) throw new RangeError(`the pack holds ${bytes.length} bytes`);
  mkdirSync(dirname(to), { recursive: true });
  for (const path of ['', ...head.folders]) mkdirSync(join(to, path), { mode: 0o700 });
  for (const [path, content] of head.files) {
    const end = ends[content] ?? start;
    writeFileSync(join(to, path), bytes.subarray(end - (head.contents[content] ?? 0), end), {
      flag: 'wx',
      mode: 0o600,
    });
  }
}

function pathOf(entry: { parentPath: string; name: string }): string {
  return join(entry.parentPath, entry.name);
}
