import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Static } from 'typebox';
import { AppError } from '../../contracts/errors.ts';
import type { DumpedTables } from '../../db/tables.ts';
import { ensureFolder } from '../../lib/files.ts';
import { isAllowedPath, type Manifest, PLACES, parseDumpedTables, parseManifest } from './contents.ts';
import { readTar } from './tar.ts';

/** A backup laid out in a folder, found to be whole. */
export interface Unpacked {
  folder: string;
  manifest: Static<typeof Manifest>;
}

/**
 * Lays a backup out in a folder, which is made anew. Throws `db.broken` for a file that is cut short, damaged, no backup, or that holds a
 * path which no backup of ours has; then the folder is gone again.
 */
export async function unpackBackup(file: string, folder: string): Promise<Unpacked> {
  await rm(folder, { recursive: true, force: true });
  await ensureFolder(folder, 0o700);
  try {
    let count = 0;
    for await (const { path, content } of readTar(unpacked(file))) {
      if (!isAllowedPath(path)) throw new AppError('db.broken', `${file} holds ${JSON.stringify(path)}: not ours`);
      if (count === 0 && path !== PLACES.manifest) throw new AppError('db.broken', `${file} is no backup of Redeye`);
      await writeAll(join(folder, path), content);
      count += 1;
    }
    return { folder, manifest: parseManifest(await readJson(join(folder, PLACES.manifest))) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** What a backup of tables says of them. */
export async function dumpedTablesIn(folder: string): Promise<DumpedTables> {
  return parseDumpedTables(await readJson(join(folder, PLACES.tables)));
}

/** The rows of a table in an unpacked backup, part after part. */
export async function* rowsIn(folder: string, table: string): AsyncGenerator<string> {
  const parts = join(folder, 'database', table);
  const names = await readdir(parts).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.sort()) yield await readFile(join(parts, name), 'utf8');
}

async function* unpacked(file: string): AsyncGenerator<Uint8Array> {
  const source: Readable = createReadStream(file);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new AppError('request.invalid', `there is no file ${file}`, {}, { cause });
    if (code?.startsWith('Z_'))
      throw new AppError('db.broken', `${file} is no whole backup: ${message}`, {}, { cause });
    throw cause;
  } finally {
    source.destroy();
  }
}

async function writeAll(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  await ensureFolder(dirname(path), 0o700);
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new AppError('db.broken', 'this is no backup of Redeye, or it is damaged', {}, { cause });
  }
}
