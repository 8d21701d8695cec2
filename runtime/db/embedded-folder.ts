import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { syncFolder } from '../lib/files.ts';
import { putBlank } from './blank-database.ts';
import { type EmbeddedDb, openPglite } from './pglite.ts';

/** Where pg_control keeps the state of the cluster (DBState of PostgreSQL 18), and its value after an orderly end. */
const STATE_OFFSET = 16;
const STATE_SHUT_DOWN = 1;

/** Troubles of the machine, which a folder set aside and a backup restored would only make worse. */
const MACHINE =
  /no space left|permission denied|read-only file system|too many open files|ENOSPC|EACCES|EPERM|EROFS|EMFILE|ENFILE/i;

export type Condition =
  | { is: 'missing' }
  /** `interrupted`: the process ended without closing it */
  | { is: 'there'; interrupted: boolean }
  | { is: 'broken'; why: string };

/**
 * Looks at a folder before PGlite does: without its PG_VERSION PGlite would make a new database over the files of the old one.
 */
export async function conditionOf(folder: string): Promise<Condition> {
  const names = await entriesOf(folder);
  if (names.length === 0) return { is: 'missing' };
  for (const name of ['PG_VERSION', 'global/pg_control', 'postgresql.conf']) {
    const size = await sizeOf(`${folder}/${name}`);
    if (!size) return { is: 'broken', why: `${name} is ${size === undefined ? 'missing' : 'empty'}` };
  }
  return { is: 'there', interrupted: (await stateOf(`${folder}/global/pg_control`)) !== STATE_SHUT_DOWN };
}

/**
 * Opens a folder that is there, and after an interrupted run reads every table once, so that a page that was lost shows now and not
 * in a month. Throws `db.broken`, or `db.unavailable` where the machine is to blame (full, read-only, no right).
 */
export async function openFolder(folder: string, options: { log: Log; interrupted: boolean }): Promise<EmbeddedDb> {
  try {
    const db = await openPglite({ folder, log: options.log });
    if (options.interrupted) await readEverything(db);
    return db;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const ofMachine = MACHINE.test(`${message} ${String((cause as Error).cause ?? '')}`);
    throw new AppError(ofMachine ? 'db.unavailable' : 'db.broken', message, { folder }, { cause });
  }
}

async function readEverything(db: EmbeddedDb): Promise<void> {
  try {
    const { rows } = await db.query<{ name: string }>(
      "select quote_ident(tablename) as name from pg_tables where schemaname = 'public'",
    );
    for (const { name } of rows) await db.query(`select count(*) from ${name}`);
  } catch (error) {
    await db.close();
    throw error;
  }
}

/**
 * Makes a new database in the folder, empty or from a backup. It is made beside and moved into place when it is whole, so that a
 * start that is cut short leaves no half database. `blanks` is where the build keeps an empty one, which is 5 s of work less.
 */
export async function makeFolder(folder: string, options: { log: Log; from?: Blob; blanks?: string }): Promise<void> {
  const { log, from, blanks } = options;
  const making = makingOf(folder);
  await rm(making, { recursive: true, force: true });
  try {
    const isThere = from === undefined && blanks !== undefined && (await putBlank(blanks, making, log));
    if (!isThere) await (await openPglite({ folder: making, log, from })).close();
    await rename(making, folder);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    throw error;
  }
  await syncFolder(dirname(folder));
}

/** Moves a folder out of the way and answers its new place: `db.broken-20261120T120000Z`. */
export async function setAside(folder: string, clock: Clock, reason: 'broken' | 'replaced'): Promise<string> {
  const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  let place = `${folder}.${reason}-${time}`;
  for (let n = 2; (await entriesOf(place)).length > 0; n += 1) place = `${folder}.${reason}-${time}-${n}`;
  await rename(folder, place);
  await syncFolder(dirname(folder));
  return place;
}

/** Where a new database is made, before it gets its name. */
function makingOf(folder: string): string {
  return `${folder}.making`;
}

async function stateOf(file: string): Promise<number | undefined> {
  const control = await open(file, 'r');
  try {
    const { bytesRead, buffer } = await control.read(Buffer.alloc(4), 0, 4, STATE_OFFSET);
    return bytesRead === 4 ? buffer.readUInt32LE(0) : undefined;
  } finally {
    await control.close();
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  try {
    const entry = await stat(file);
    return entry.isFile() ? entry.size : undefined;
  } catch (error) {
    return absent(error);
  }
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    return absent(error) ?? [];
  }
}

function absent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  return undefined;
}
