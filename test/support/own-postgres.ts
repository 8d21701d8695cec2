import type { Db } from '../../runtime/db/db.ts';
import { migrate } from '../../runtime/db/migrate.ts';
import { openPostgres } from '../../runtime/db/postgres.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

/** A PostgreSQL database of a suite's own, which several processes may use. */
export interface OwnPostgres {
  /** of the database that `open` last made */
  url(): string;
  /** A new, migrated database. */
  open(): Promise<Db>;
}

let server: Promise<PostgresServer> | undefined;
let count = 0;

/**
 * Runs a suite on PostgreSQL alone: for what needs two connections in transactions at once, or a second process. The embedded
 * database has one connection in one process.
 */
export function describeOnPostgres(title: string, suite: (database: OwnPostgres) => void): void {
  describe(`${title} (PostgreSQL, several connections)`, () => {
    const opened: Db[] = [];
    let url = '';
    after(async () => {
      for (const db of opened) await db.close();
    });
    suite({
      url: () => url,
      async open() {
        server ??= startPostgres();
        const running = await server;
        count += 1;
        const name = `own_${count}`;
        const root = await openPostgres({ url: running.url(), log: silentLog, clock: systemClock });
        await root.query(`create database ${name}`);
        await root.close();
        url = running.url(name);
        const db = await openPostgres({ url, log: silentLog, clock: systemClock });
        opened.push(db);
        await migrate(db, silentLog);
        return db;
      },
    });
  });
}
