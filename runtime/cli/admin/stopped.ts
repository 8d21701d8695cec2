import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../../settings.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import { conditionOf, openFolder } from '../../db/embedded-folder.ts';
import type { EmbeddedDb } from '../../db/pglite.ts';
import { openPostgres } from '../../db/postgres.ts';
import { lockDataDir } from '../../lib/data-dir-lock.ts';
import type { AdminStatus } from './protocol.ts';
import { type AdminWork, createAdminWork, placesOf } from './work.ts';

export interface StoppedParts {
  settings: Pick<Settings, 'DATA_DIR' | 'FLOWS_DIR' | 'DATABASE_URL'>;
  version: string;
  clock: Clock;
  log: Log;
}

/**
 * Holds the lock of the data folder while `work` runs, so that no server starts meanwhile. Throws `data_dir.locked` while one runs, and
 * `request.invalid` where there is no data folder, or where new files in it would belong to the wrong user.
 */
export async function whileStopped<T>({ settings, clock }: StoppedParts, work: () => Promise<T>): Promise<T> {
  await refuseOtherUser(settings.DATA_DIR);
  const lock = await lockDataDir(settings.DATA_DIR, { pid: process.pid, clock });
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** The commands on the data of a server that is stopped; the lock is the caller's. */
export async function withStoppedData<T>(parts: StoppedParts, work: (work: AdminWork) => Promise<T>): Promise<T> {
  const { settings, version, clock, log } = parts;
  const { DATA_DIR: dataDir, FLOWS_DIR: flowsDir, DATABASE_URL: url } = settings;
  const embedded = url === undefined ? await openEmbedded(dataDir, log) : undefined;
  const db = embedded ?? (await openPostgres({ url: url ?? '', log, clock }));
  try {
    return await work(createAdminWork({ db, embedded, dataDir, flowsDir, version, clock }));
  } finally {
    await db.close();
  }
}

/** What can be told of a stopped server whose database does not open. */
export async function statusWithoutDatabase(parts: StoppedParts, trouble: string): Promise<AdminStatus> {
  const { DATA_DIR, DATABASE_URL } = parts.settings;
  return {
    state: 'stopped',
    version: parts.version,
    pid: null,
    url: null,
    database: { kind: DATABASE_URL === undefined ? 'pglite' : 'postgres', trouble },
    flows: 'stopped with the server',
    queue: null,
    ...(await placesOf(DATA_DIR)),
  };
}

/** Opens what is there; making a new one or setting a broken one aside is the server's business. */
async function openEmbedded(dataDir: string, log: Log): Promise<EmbeddedDb> {
  const folder = join(dataDir, 'db');
  const condition = await conditionOf(folder);
  if (condition.is === 'missing') {
    throw new AppError('db.broken', `there is no database in ${dataDir} yet: start the server once`);
  }
  if (condition.is === 'broken') throw new AppError('db.broken', `the database does not open: ${condition.why}`);
  return openFolder(folder, { log, interrupted: condition.interrupted });
}

async function refuseOtherUser(dataDir: string): Promise<void> {
  const folder = await stat(dataDir).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new AppError('request.invalid', `DATA_DIR: there is no folder ${dataDir}`, { field: 'DATA_DIR' });
  }
  const me = process.getuid?.();
  if (me === undefined || me === folder.uid) return;
  throw new AppError(
    'request.invalid',
    `${dataDir} belongs to the user with id ${folder.uid}: run this as that user, or what it writes cannot be read by the server`,
  );
}
