import type { Clock, Log } from '../contracts/host.ts';
import type { Part } from '../lib/part.ts';
import type { EmbeddedDb } from './pglite.ts';

/** Write-ahead log beyond the last checkpoint that calls for the next one, bytes. */
const CHECKPOINT_BYTES = 32 * 1024 * 1024;
/** As PostgreSQL's autovacuum decides: so many rows, and this share of the table. */
const DEAD = { rows: 500, share: 0.2 };
const CHANGED = { rows: 250, share: 0.1 };

export interface UpkeepOptions {
  db: EmbeddedDb;
  clock: Clock;
  log: Log;
  everyMs?: number;
  checkpointBytes?: number;
}

/**
 * What PostgreSQL's background processes do and the embedded database, being one process, never does: without checkpoints its
 * write-ahead log would grow as long as the server runs, without VACUUM every deleted row would stay in its file. A turn holds up
 * statements for as long as it takes: 0.2 s for a table of 800,000 dead rows, and nothing when little changed.
 */
export function createUpkeep(options: UpkeepOptions): Part & { run(): Promise<void> } {
  const { db, clock, log, everyMs = 60_000, checkpointBytes = CHECKPOINT_BYTES } = options;
  let cancel: (() => void) | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  async function tidy(): Promise<void> {
    // Counts reach the statistics up to a second late; this brings them in now.
    await db.query('select pg_stat_force_next_flush()');
    const { rows } = await db.query<{ name: string; dead: boolean }>(
      `select format('%I.%I', schemaname, relname) as name, n_dead_tup > $1::int8 + $2::real * n_live_tup as dead
       from pg_stat_user_tables
       where n_dead_tup > $1::int8 + $2::real * n_live_tup
          or n_mod_since_analyze > $3::int8 + $4::real * n_live_tup`,
      [DEAD.rows, DEAD.share, CHANGED.rows, CHANGED.share],
    );
    for (const { name, dead } of rows) {
      if (stopped) return;
      await db.upkeep(`${dead ? 'vacuum (analyze)' : 'analyze'} ${name}`);
    }
    const wal = await db.query<{ bytes: number }>(
      'select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn)::int8 as bytes from pg_control_checkpoint()',
    );
    if ((wal.rows[0]?.bytes ?? 0) > checkpointBytes) await db.upkeep('checkpoint');
  }

  function run(): Promise<void> {
    running ??= tidy().finally(() => {
      running = undefined;
    });
    return running;
  }

  function later(): void {
    if (stopped) return;
    cancel = clock.after(everyMs, () => {
      run()
        .catch((error) => log.warn('the upkeep of the embedded database failed', { error }))
        .finally(later);
    });
  }

  return {
    async start() {
      stopped = false;
      later();
    },
    async stop() {
      stopped = true;
      cancel?.();
      await running?.catch(() => undefined);
    },
    run,
  };
}
