import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { ensureFolder } from '../lib/files.ts';
import { listBackups, readBackup } from './backup-files.ts';
import type { Db } from './db.ts';
import { conditionOf, makeFolder, openFolder, setAside } from './embedded-folder.ts';
import { forgetStuck, wasStuck, watched } from './opening-watchdog.ts';
import type { EmbeddedDb } from './pglite.ts';
import { openPostgres } from './postgres.ts';

/** How long a PostgreSQL that boots together with this machine is waited for, ms. */
const PATIENCE_MS = 60_000;
/** An embedded database opens in 0.4 s, a new one is made in 8 s where the build left none; a Raspberry Pi needs several times that. */
const OPEN_TIMEOUT_MS = 180_000;

export interface DatabaseOptions {
  /** none: the embedded database in `<dataDir>/db` */
  databaseUrl?: string;
  dataDir: string;
  /** where the build left an empty embedded database; without one it is made here */
  blanks?: string;
  log: Log;
  clock: Clock;
  openTimeoutMs?: number;
}

export interface OpenedDatabase {
  db: Db;
  /** the same, where it is the embedded one: for backups and upkeep */
  embedded?: EmbeddedDb;
  /** Rows were lost, all or those since the backup: the segments have to be read again from their beginning. */
  restored?: { from?: string; setAside?: string };
}

/**
 * Opens the product's database, not yet migrated. The caller holds the lock of the data folder. An embedded database that does not
 * open is set aside, never deleted, and the latest automatic backup that opens takes its place, or else a new one. Throws
 * `db.unavailable` when PostgreSQL does not answer within a minute, or when the machine is to blame (disk full, no right).
 */
export async function openDatabase(options: DatabaseOptions): Promise<OpenedDatabase> {
  const { databaseUrl, log, clock } = options;
  if (databaseUrl) return { db: await openPostgres({ url: databaseUrl, log, clock, patienceMs: PATIENCE_MS }) };
  const { embedded, restored } = await openEmbedded(options);
  return { db: embedded, embedded, restored };
}

async function openEmbedded(
  options: DatabaseOptions,
): Promise<{ embedded: EmbeddedDb; restored?: OpenedDatabase['restored'] }> {
  const { dataDir, blanks, log, clock, openTimeoutMs = OPEN_TIMEOUT_MS } = options;
  const folder = join(dataDir, 'db');
  const note = join(dataDir, 'db.stuck');
  const inTime = <T>(work: () => Promise<T>) => watched(note, openTimeoutMs, work);
  log.warn(
    'the embedded database is in use. It does not force its writes to the disk: a power cut may cost the latest ones or ' +
      'damage it, and then the last automatic backup is what remains. Set DATABASE_URL to use PostgreSQL',
    { folder },
  );
  await ensureFolder(dataDir);
  for (const left of ['db.making', 'db.restored']) await rm(join(dataDir, left), { recursive: true, force: true });
  const condition = wasStuck(note)
    ? ({ is: 'broken', why: 'it did not open in time at the last start' } as const)
    : await conditionOf(folder);

  let why = condition.is === 'broken' ? condition.why : 'its folder is not there';
  if (condition.is === 'there') {
    try {
      return { embedded: await inTime(() => openFolder(folder, { log, interrupted: condition.interrupted })) };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'db.broken') throw error;
      why = error.message;
    }
  }
  const place = (await conditionOf(folder)).is === 'missing' ? undefined : await setAside(folder, clock, 'broken');
  await forgetStuck(note);
  if (place) log.error('the embedded database does not open and was set aside', { why, setAside: place });

  const from = await inTime(() => restoreLatest(join(dataDir, 'backups'), folder, log));
  if (!from) await inTime(() => makeFolder(folder, { log, blanks }));
  const embedded = await inTime(() => openFolder(folder, { log, interrupted: false }));
  if (from) log.warn('the embedded database was restored from a backup: what came later is missing', { from, why });
  else if (place)
    log.error('there is no backup that opens: a new, empty database takes its place', { setAside: place });
  else log.info('a new embedded database was made', { folder });
  return { embedded, restored: from || place ? { from, setAside: place } : undefined };
}

/** Puts the newest backup that can be used in place, and answers its path. */
async function restoreLatest(backups: string, folder: string, log: Log): Promise<string | undefined> {
  for (const { path } of await listBackups(backups)) {
    try {
      await makeFolder(folder, { log, from: await readBackup(path) });
      return path;
    } catch (error) {
      log.error('a backup cannot be used, the one before it is tried', { path, error });
    }
  }
  return undefined;
}
