import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { ensureFolder, TEMPORARY, writeFileDurably } from '../lib/files.ts';
import { conditionOf, makeFolder, setAside } from './embedded-folder.ts';
import type { EmbeddedDb } from './pglite.ts';

/** Name of an automatic backup; it sorts by time. */
const NAME = /^db-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.tar\.gz$/;

export interface BackupFile {
  path: string;
  /** epoch ms */
  at: number;
}

/** The automatic backups of a folder, the newest first; other files are none of them. */
export async function listBackups(folder: string): Promise<BackupFile[]> {
  const files: BackupFile[] = [];
  for (const name of (await namesIn(folder)).sort().reverse()) {
    const [, year, month, day, hour, minute, second, ms] = NAME.exec(name)?.map(Number) ?? [];
    if (year === undefined || month === undefined) continue;
    files.push({ path: join(folder, name), at: Date.UTC(year, month - 1, day, hour, minute, second, ms) });
  }
  return files;
}

/** Path of an automatic backup made at that time, epoch ms. */
export function backupPath(folder: string, at: number): string {
  return join(folder, `db-${new Date(at).toISOString().replace(/[-:.]/g, '')}.tar.gz`);
}

/** Writes the whole embedded database into one file, durably: it is there whole or not at all. Answers its size in bytes. */
export async function writeBackup(db: EmbeddedDb, path: string): Promise<number> {
  const chunks: Buffer[] = [];
  const tar = (await db.dump()).stream() as ReadableStream<Uint8Array>;
  // Packed off the main thread: PGlite's own gzip holds everything up for 0.6 s with a database of 40 MB.
  await pipeline(Readable.fromWeb(tar), createGzip({ level: 3 }), async (packed: AsyncIterable<Buffer>) => {
    for await (const chunk of packed) chunks.push(chunk);
  });
  const bytes = Buffer.concat(chunks);
  await ensureFolder(dirname(path));
  await writeFileDurably(path, bytes, 0o600);
  return bytes.length;
}

/**
 * Makes the embedded database in `folder` from a backup file, while no server runs on it; what is there is set aside first, and
 * put in the answer. Throws `db.broken` for a file that is no whole backup, and then nothing was moved.
 */
export async function restoreBackup(
  path: string,
  folder: string,
  options: { clock: Clock; log: Log },
): Promise<{ setAside?: string }> {
  const from = await readBackup(path);
  return replaceFolder(folder, (trial) => makeFolder(trial, { log: options.log, from }), options.clock);
}

/**
 * Puts what `make` makes in place of the embedded database in `folder`, while no server runs on it; what was there is set aside, and put
 * in the answer.
 */
export async function replaceFolder(
  folder: string,
  make: (trial: string) => Promise<void>,
  clock: Clock,
): Promise<{ setAside?: string }> {
  // Made and closed once under another name: a file that PGlite does not take shows before anything is moved.
  const trial = `${folder}.restored`;
  await rm(trial, { recursive: true, force: true });
  try {
    await make(trial);
    const { is } = await conditionOf(folder);
    const place = is === 'missing' ? undefined : await setAside(folder, clock, 'replaced');
    await rename(trial, folder);
    return { setAside: place };
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

/** The tar inside a backup file; throws `db.broken` when it is torn. */
export async function readBackup(path: string): Promise<Blob> {
  const packed = await readFile(path);
  try {
    const tar = await promisify(gunzip)(packed);
    return new Blob([new Uint8Array(tar.buffer, tar.byteOffset, tar.length) as Uint8Array<ArrayBuffer>]);
  } catch (cause) {
    throw new AppError('db.broken', `${path} is no whole backup: ${(cause as Error).message}`, { path }, { cause });
  }
}

/** Removes all but the newest `keep` automatic backups, and what a write that was cut short left behind. */
export async function pruneBackups(folder: string, keep: number): Promise<void> {
  for (const { path } of (await listBackups(folder)).slice(keep)) await rm(path, { force: true });
  for (const name of await namesIn(folder)) if (TEMPORARY.test(name)) await rm(join(folder, name), { force: true });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
