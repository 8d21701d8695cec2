import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { openPostgres } from '../../../runtime/db/postgres.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type PostgresServer, startPostgres } from '../../support/databases.ts';
import { ListLog } from '../../support/list-log.ts';
import { until } from '../../support/until.ts';

const unavailable = (error: unknown) => error instanceof AppError && error.code === 'db.unavailable';

describe('PostgreSQL', () => {
  let server: PostgresServer;
  let db: Db | undefined;

  before(async () => {
    server = await startPostgres();
  });
  after(async () => {
    await server.close();
  });
  afterEach(async () => {
    await db?.close();
    db = undefined;
  });

  const open = async (options: Partial<Parameters<typeof openPostgres>[0]> = {}) => {
    db = await openPostgres({ url: server.url(), log: silentLog, clock: systemClock, ...options });
    return db;
  };
  const answers = (database: Db) =>
    until('it answers', () =>
      database.query('select 1').then(
        () => true,
        (error) => {
          if (!unavailable(error)) throw error;
          return false;
        },
      ),
    );

  it('is unavailable while it is down, for statements and transactions, and comes back by itself', async () => {
    const database = await open();
    await database.query('create table if not exists kept (n integer)');
    const started = Promise.withResolvers<void>();
    const crashed = Promise.withResolvers<void>();
    const work = database.tx(async (q) => {
      await q.query('insert into kept values (1)');
      started.resolve();
      await crashed.promise;
      await q.query('insert into kept values (2)');
    });
    const sleeping = database.query('select pg_sleep(20)');
    const both = Promise.allSettled([work, sleeping]);
    await started.promise;
    await server.crash();
    crashed.resolve();
    for (const result of await both) assert.ok(result.status === 'rejected' && unavailable(result.reason));
    await assert.rejects(database.query('select 1'), (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'db.unavailable');
      assert.ok(error.cause instanceof Error);
      assert.equal(error.status, 503);
      return true;
    });
    await assert.rejects(
      database.tx(async () => undefined),
      unavailable,
    );
    await server.start();
    await answers(database);
    assert.deepEqual((await database.query('select * from kept')).rows, []);
  });

  it('survives an orderly restart with connections in the pool', async () => {
    const database = await open();
    await Promise.all(Array.from({ length: 5 }, () => database.query('select pg_sleep(0.01)')));
    await server.stop();
    await server.start();
    await answers(database);
  });

  it('listens again after the connection was lost, and says so with an empty payload', async () => {
    const database = await open();
    const heard: string[] = [];
    const end = await database.listen('frames', (payload) => heard.push(payload));
    await database.query("select pg_notify('frames', 'one')");
    await until('the first', () => heard.includes('one'));
    await server.crash();
    await server.start();
    await until('the sign that something may be missing', () => heard.includes(''));
    await answers(database);
    await database.query("select pg_notify('frames', 'two')");
    await until('the second', () => heard.includes('two'));
    assert.deepEqual(heard, ['one', '', 'two']);
    await end();
  });

  it('listens again when only that one connection was cut', async () => {
    const database = await open();
    const heard: string[] = [];
    await database.listen('frames', (payload) => heard.push(payload));
    await database.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and pid <> pg_backend_pid()",
    );
    await until('it is back', () => heard.includes(''));
  });

  it('waits for a server that starts with the machine, as long as it is told to', async () => {
    await server.stop();
    await assert.rejects(open(), unavailable);
    const opening = open({ patienceMs: 10_000 });
    await server.start();
    await opening;
  });

  it('does not wait when the password is wrong', async () => {
    const url = server.url().replace(/:[0-9a-f]{24}@/, ':wrong@');
    await assert.rejects(open({ url, patienceMs: 60_000 }), { code: '28P01' });
  });

  it('warns of a server that may lose what it acknowledged', async () => {
    const weak = await startPostgres({
      settings: { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' },
    });
    const log = new ListLog();
    await open({ url: weak.url(), log });
    assert.deepEqual(
      log
        .of('warn')
        .map((line) => /with (\w+) = off/.exec(line)?.[1])
        .sort(),
      ['fsync', 'full_page_writes', 'synchronous_commit'],
    );
    const good = new ListLog();
    await db?.close();
    await open({ log: good });
    assert.deepEqual(good.of('warn'), []);
    await weak.close();
  });

  it('gives up after five seconds on a host that takes the connection and says nothing', async () => {
    const silent: Server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const startedAt = performance.now();
    await assert.rejects(open({ url: `postgres://u:p@127.0.0.1:${port}/db` }), unavailable);
    assert.ok(performance.now() - startedAt < 8_000);
    silent.close();
  });

  it('ends statements after half a minute, except in an unhurried transaction', async () => {
    const database = await open();
    const timeout = async (q: Pick<Db, 'query'>) =>
      (await q.query('show statement_timeout')).rows[0]?.['statement_timeout'];
    assert.equal(await timeout(database), '30s');
    assert.equal(await database.tx(timeout), '30s');
    assert.equal(await database.tx(timeout, { unhurried: true }), '0');
    assert.equal(await timeout(database), '30s');
  });

  it('closes twice, and takes nothing afterwards', async () => {
    const database = await open();
    await database.listen('x', () => undefined);
    await database.close();
    await database.close();
    await assert.rejects(database.query('select 1'), unavailable);
    await assert.rejects(
      database.listen('x', () => undefined),
      unavailable,
    );
  });
});
