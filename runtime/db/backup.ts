import type { Clock, Log } from '../contracts/host.ts';
import type { Part } from '../lib/part.ts';
import { backupPath, listBackups, pruneBackups, writeBackup } from './backup-files.ts';
import type { EmbeddedDb } from './pglite.ts';

/** A dump passes through memory; a database beyond this belongs on PostgreSQL. */
const MAX_BYTES = 512 * 1024 * 1024;
/** The first one of a new database, so that a young installation has one too. */
const FIRST_MS = 5 * 60_000;

export interface BackupOptions {
  db: EmbeddedDb;
  /** `<DATA_DIR>/backups` */
  folder: string;
  clock: Clock;
  log: Log;
  everyMs: number;
  /** how many are kept */
  keep: number;
  maxBytes?: number;
}

export interface Backups extends Part {
  /** Makes one now, unless nothing changed since the last one of this run; answers its path. */
  run(): Promise<string | undefined>;
}

/**
 * Automatic backups of the embedded database, which has no other way back after a power cut. The time of the last one is read from
 * the folder, so that restarts neither multiply nor prevent them. A failure is logged and tried again at the next turn.
 */
export function createBackups(options: BackupOptions): Backups {
  const { db, folder, clock, log, everyMs, keep, maxBytes = MAX_BYTES } = options;
  let cancel: (() => void) | undefined;
  let running: Promise<string | undefined> | undefined;
  let stopped = false;
  /** where the write-ahead log stood at the last backup */
  let position = '';

  async function make(): Promise<string | undefined> {
    const { rows } = await db.query<{ at: string; size: number }>(
      'select pg_current_wal_insert_lsn()::text as at, pg_database_size(current_database()) as size',
    );
    const { at = '', size = 0 } = rows[0] ?? {};
    if (at === position) return undefined;
    if (size > maxBytes) {
      log.warn('the embedded database is too large for automatic backups: move it to PostgreSQL', { size, maxBytes });
      return undefined;
    }
    const startedAt = clock.monotonicMs();
    const path = backupPath(folder, clock.now());
    const bytes = await writeBackup(db, path);
    position = at;
    await pruneBackups(folder, keep);
    log.info('backup written', { path, bytes, ms: Math.round(clock.monotonicMs() - startedAt) });
    return path;
  }

  function run(): Promise<string | undefined> {
    running ??= make().finally(() => {
      running = undefined;
    });
    return running;
  }

  function later(ms: number): void {
    if (stopped) return;
    cancel = clock.after(ms, () => {
      run()
        .catch((error) => log.error('no backup could be written', { error }))
        .finally(() => later(everyMs));
    });
  }

  return {
    async start() {
      stopped = false;
      await pruneBackups(folder, keep);
      const last = (await listBackups(folder))[0];
      // A clock that was set back must not put the next one off for ever.
      const age = last ? Math.max(0, clock.now() - last.at) : Number.POSITIVE_INFINITY;
      later(Math.min(everyMs, last ? Math.max(FIRST_MS, everyMs - age) : FIRST_MS));
    },
    async stop() {
      stopped = true;
      cancel?.();
      await running?.catch(() => undefined);
    },
    run,
  };
}
