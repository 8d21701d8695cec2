import { cp, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import { replaceFolder } from '../../db/backup-files.ts';
import { makeFolder, openFolder } from '../../db/embedded-folder.ts';
import { openPglite } from '../../db/pglite.ts';
import { openPostgres } from '../../db/postgres.ts';
import { dumpTables, loadTables, replaceTables } from '../../db/tables.ts';
import { ensureFolder, syncFolder, writeFileDurably } from '../../lib/files.ts';
import { filesBelow, PLACES, userFilesBelow } from './contents.ts';
import { dumpedTablesIn, rowsIn, type Unpacked, unpackBackup } from './unpack.ts';

export interface RestoreParts {
  /** locked by the caller: no server runs on it */
  dataDir: string;
  flowsDir: string;
  databaseUrl?: string | undefined;
  clock: Clock;
  log: Log;
  /** what a new embedded database begins as, where it is at hand: making one takes 8 s */
  emptyDatabase?: Blob | undefined;
}

export interface Restored {
  version: string;
  madeAt: string;
  flows: number;
  images: number;
  /** where that is which was there before: folders, or a schema of the database */
  setAside: string[];
}

/**
 * Puts a backup in place of what is there. The whole file is laid out and looked at first, then the database is replaced (all or
 * nothing), then the files; nothing is deleted. A backup of one kind of database can be restored into the other. Cut short between
 * database and files, it can simply be run again.
 */
export async function restoreFrom(file: string, parts: RestoreParts): Promise<Restored> {
  const { dataDir, flowsDir, clock } = parts;
  const unpacked = await unpackBackup(file, join(dataDir, 'restoring'));
  try {
    const { folder, manifest } = unpacked;
    const setAside: string[] = [];
    const database = await restoreDatabase(unpacked, parts);
    if (database !== undefined) setAside.push(database);

    const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
    const aside = new Aside(join(dataDir, `replaced-${time}`));
    if (await exists(join(folder, PLACES.secrets))) {
      await aside.take(join(dataDir, 'secrets.json'), 'secrets.json');
      await move(join(folder, PLACES.secrets), join(dataDir, 'secrets.json'));
    }
    if (await exists(join(folder, PLACES.signingKey))) {
      await aside.take(join(dataDir, PLACES.signingKey), PLACES.signingKey);
      await move(join(folder, PLACES.signingKey), join(dataDir, PLACES.signingKey));
    }
    // Under the hash of their bytes: the same name is always the same bundle.
    await addImages(join(folder, 'bundles'), join(dataDir, 'bundles'));
    let flows = 0;
    for (const side of ['server', 'edge']) {
      for await (const _ of filesBelow(join(folder, 'flows', side))) flows += 1;
    }
    for (const side of flows > 0 ? ['server', 'edge'] : []) {
      await aside.take(join(flowsDir, side), `flows/${side}`);
      if (await exists(join(folder, 'flows', side))) await move(join(folder, 'flows', side), join(flowsDir, side));
    }
    const userDir = join(dataDir, 'node-red');
    for await (const path of userFilesBelow(userDir)) await aside.take(join(userDir, path), `node-red/${path}`);
    await aside.take(join(userDir, 'sessions.json'), 'node-red/sessions.json');
    for await (const path of userFilesBelow(join(folder, 'node-red'))) {
      await move(join(folder, 'node-red', path), join(userDir, path));
    }
    const images =
      (await addImages(join(folder, 'events'), join(dataDir, 'events'))) +
      (await addImages(join(folder, 'images'), join(dataDir, 'images')));
    await syncFolder(dataDir);
    if (aside.used) setAside.push(aside.folder);
    return { version: manifest.version, madeAt: manifest.made_at, flows, images, setAside };
  } finally {
    await rm(unpacked.folder, { recursive: true, force: true });
  }
}

/** Replaces the database and answers where the old one is. */
async function restoreDatabase(unpacked: Unpacked, parts: RestoreParts): Promise<string | undefined> {
  const { folder, manifest } = unpacked;
  const { databaseUrl, clock, log, dataDir } = parts;
  const target = join(dataDir, 'db');
  if (databaseUrl === undefined) {
    const make =
      manifest.database === 'pglite'
        ? async (trial: string) => makeFolder(trial, { log, from: await tarIn(folder) })
        : (trial: string) => makeFromTables(trial, folder, parts);
    return (await replaceFolder(target, make, clock)).setAside;
  }
  if (manifest.database === 'pglite') await intoTables(folder, log);
  const db = await openPostgres({ url: databaseUrl, log, clock, connections: 1 });
  try {
    const { setAside } = await replaceTables(db, await dumpedTablesIn(folder), (table) => rowsIn(folder, table), clock);
    return setAside && `schema ${setAside} of the database`;
  } finally {
    await db.close();
  }
}

async function makeFromTables(
  trial: string,
  folder: string,
  { log, emptyDatabase }: Pick<RestoreParts, 'log' | 'emptyDatabase'>,
): Promise<void> {
  await makeFolder(trial, { log, from: emptyDatabase });
  const db = await openFolder(trial, { log, interrupted: false });
  try {
    const dumped = await dumpedTablesIn(folder);
    await db.tx((q) => loadTables(q, dumped, (table) => rowsIn(folder, table)));
  } finally {
    await db.close();
  }
}

/** Turns the files of an embedded database into rows, so that they can go into PostgreSQL. */
async function intoTables(folder: string, log: Log): Promise<void> {
  const db = await openPglite({ log, from: await tarIn(folder) });
  try {
    const counts = new Map<string, number>();
    const dumped = await dumpTables(db, async (table, lines) => {
      const part = counts.get(table) ?? 0;
      counts.set(table, part + 1);
      const path = join(folder, PLACES.rows(table, part));
      await ensureFolder(dirname(path), 0o700);
      await writeFileDurably(path, lines, 0o600);
    });
    await writeFileDurably(join(folder, PLACES.tables), JSON.stringify(dumped), 0o600);
  } finally {
    await db.close();
  }
}

/** Pictures of events are added to those that are there: the same path is always the same picture. */
async function addImages(from: string, to: string): Promise<number> {
  let added = 0;
  for await (const path of filesBelow(from)) {
    if (await exists(join(to, path))) continue;
    await move(join(from, path), join(to, path));
    added += 1;
  }
  return added;
}

/** A folder for what was there before. */
class Aside {
  readonly folder: string;
  used = false;

  constructor(folder: string) {
    this.folder = folder;
  }

  async take(path: string, name: string): Promise<void> {
    if (!(await exists(path))) return;
    if (!this.used && (await exists(this.folder))) {
      throw new AppError('request.invalid', `${this.folder} is there already: try again in a second`);
    }
    this.used = true;
    await move(path, join(this.folder, name));
  }
}

/** Moves a file or folder, to another disk too. */
async function move(from: string, to: string): Promise<void> {
  await ensureFolder(dirname(to), 0o700);
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    await cp(from, to, { recursive: true });
    await rm(from, { recursive: true });
  }
  await syncFolder(dirname(to));
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

async function tarIn(folder: string): Promise<Blob> {
  return new Blob([new Uint8Array(await readFile(join(folder, PLACES.pglite)))]);
}
