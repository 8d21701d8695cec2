import { AppError } from '../../runtime/contracts/errors.ts';
import type { Db, Queryable, QueryOptions, Result } from '../../runtime/db/db.ts';
import { migrate } from '../../runtime/db/migrate.ts';
import { openPglite } from '../../runtime/db/pglite.ts';
import { openPostgres } from '../../runtime/db/postgres.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { emptyPglite } from './pglite-image.ts';
import { startPostgres } from './postgres-server.ts';

export { emptyPglite } from './pglite-image.ts';
export { type PostgresServer, startPostgres } from './postgres-server.ts';

export interface TestDatabase {
  /**
   * A migrated database without any row (not even the device `server`, which the product's start puts in). There is one at a
   * time: asking again empties it and closes what was handed out before. Closing it oneself is welcome, not needed.
   */
  open(): Promise<Db>;
}

/**
 * Runs the suite twice: on the embedded database, in memory, and on a real PostgreSQL. Both are started once per test run, by the
 * first suite that needs them.
 */
export function describeOnBothDatabases(title: string, suite: (database: TestDatabase) => void): void {
  describe(`${title} (PGlite)`, () => suite(embedded));
  describe(`${title} (PostgreSQL)`, () => suite(real));
}

/** One database of the run, emptied for each who asks. */
class SharedDatabase implements TestDatabase {
  readonly #start: () => Promise<Db>;
  #db: Promise<Db> | undefined;
  #handedOut: Handle | undefined;

  constructor(start: () => Promise<Db>) {
    this.#start = start;
  }

  async open(): Promise<Db> {
    await this.#handedOut?.close();
    this.#db ??= this.#start();
    const db = await this.#db;
    await empty(db);
    this.#handedOut = new Handle(db);
    return this.#handedOut;
  }

  async close(): Promise<void> {
    await (await this.#db)?.close();
  }
}

const embedded = new SharedDatabase(async () => {
  const db = await openPglite({ log: silentLog, from: await emptyPglite() });
  await migrate(db, silentLog);
  return db;
});

const real = new SharedDatabase(async () => {
  const server = await startPostgres();
  const db = await openPostgres({ url: server.url(), log: silentLog, clock: systemClock });
  await migrate(db, silentLog);
  return db;
});

after(async () => {
  await embedded.close();
  await real.close();
});

/** Takes every row out and sets the counters back; only what was used is touched, since truncating all takes 50 ms. */
async function empty(db: Db): Promise<void> {
  await db.tx(async (q) => {
    const tables = await q.query<{ name: string }>(
      `select quote_ident(tablename) as name from pg_tables
       where schemaname = 'public' and tablename <> 'schema_migrations'`,
    );
    const names = tables.rows.map((row) => row.name);
    const used = await q.query<{ name: string; used: boolean }>(
      names.map((name) => `select '${name}' as name, exists (select from ${name}) as used`).join(' union all '),
    );
    const full = used.rows.filter((row) => row.used).map((row) => row.name);
    if (full.length > 0) await q.query(`truncate ${full.join(', ')} cascade`);
    await q.query(
      `select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
       from pg_sequences where last_value is not null`,
    );
  });
}

/** A view of the shared database that ends with its test: whoever still runs afterwards is told, and disturbs nobody. */
class Handle implements Db {
  readonly kind: Db['kind'];
  readonly #db: Db;
  readonly #listening = new Set<() => Promise<void>>();
  #open = true;

  constructor(db: Db) {
    this.#db = db;
    this.kind = db.kind;
  }

  async query<Row extends object>(
    text: string,
    params?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Result<Row>> {
    this.#check();
    return await this.#db.query<Row>(text, params, options);
  }

  async tx<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    this.#check();
    return await this.#db.tx(work);
  }

  async listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    this.#check();
    const end = await this.#db.listen(channel, (payload) => {
      if (this.#open) onNotify(payload);
    });
    this.#listening.add(end);
    return async () => {
      this.#listening.delete(end);
      await end();
    };
  }

  async close(): Promise<void> {
    this.#open = false;
    for (const end of this.#listening) await end();
    this.#listening.clear();
  }

  #check(): void {
    if (!this.#open) throw new AppError('db.unavailable', 'the database of this test is closed');
  }
}
