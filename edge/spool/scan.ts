import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TEMPORARY } from '../../runtime/lib/files.ts';
import { lastName, parseName } from './names.ts';
import { HEADER_BYTES, sizeByHeader } from './record.ts';

export interface Entry {
  n: number;
  /** bytes of the file */
  size: number;
}

export interface Found {
  /** with a number, and without one yet; in order */
  waiting: Entry[];
  unnumbered: Entry[];
  /** number of the mark */
  mark: number | undefined;
  /** highest number that any file bears, torn ones too; -1 without one */
  evidence: number;
  odd: { name: string; why: string }[];
}

/** Reads the spool's folder after a start: deletes what was half written, tells whole files from torn and alien ones. */
export async function scanFolder(folder: string): Promise<Found> {
  const found: Found = { waiting: [], unnumbered: [], mark: undefined, evidence: -1, odd: [] };
  for (const file of await readdir(folder, { withFileTypes: true })) {
    if (file.isDirectory()) continue;
    if (TEMPORARY.test(file.name)) await rm(join(folder, file.name), { force: true });
    else await judge(folder, file.name, found);
  }
  found.waiting.sort((a, b) => a.n - b.n);
  found.unnumbered.sort((a, b) => a.n - b.n);
  return found;
}

async function judge(folder: string, name: string, found: Found): Promise<void> {
  const meaning = parseName(name);
  if (!meaning) {
    found.odd.push({ name, why: 'alien' });
    return;
  }
  const { kind, n } = meaning;
  if (kind !== 'new') found.evidence = Math.max(found.evidence, n);
  if (kind === 'last') {
    // A power cut may leave the older mark beside the newer one.
    if (found.mark !== undefined) await rm(join(folder, lastName(Math.min(n, found.mark))), { force: true });
    found.mark = Math.max(n, found.mark ?? 0);
    return;
  }
  const size = await wholeSize(join(folder, name));
  if (size === undefined) found.odd.push({ name, why: 'torn' });
  else (kind === 'new' ? found.unnumbered : found.waiting).push({ n, size });
}

/** The file's size when its header agrees; the bytes are checked when it is sent, which spares a start half a gigabyte of reading. */
export async function wholeSize(path: string): Promise<number | undefined> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const { size } = await file.stat();
    return sizeByHeader(buffer.subarray(0, bytesRead)) === size ? size : undefined;
  } finally {
    await file.close();
  }
}
