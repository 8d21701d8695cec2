import assert from 'node:assert/strict';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EmbeddedDb, openPglite } from '../../../runtime/db/pglite.ts';
import { createUpkeep } from '../../../runtime/db/upkeep.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { putMigratedPglite } from '../../support/pglite-image.ts';

describe('PGlite', function () {
  this.timeout(90_000);

  let folder: string;
  let db: EmbeddedDb;
  let log: ListLog;

  beforeEach(async () => {
    folder = join(await temporaryFolder('pglite'), 'db');
    await putMigratedPglite(folder);
    log = new ListLog();
    db = await openPglite({ folder, log, reopenPauseMs: 0 });
    await db.query('create table t (n integer)');
  });
  afterEach(() => db.close());

  const count = async () => (await db.query<{ n: number }>('select count(*) as n from t')).rows[0]?.n;

  /** Makes PostgreSQL panic: it cannot write its log any more, as on a full disk. */
  async function takeLogAway(): Promise<void> {
    await rename(join(folder, 'pg_wal'), join(folder, 'pg_wal.away'));
    await writeFile(join(folder, 'pg_wal'), '');
  }
  async function giveLogBack(): Promise<void> {
    await rm(join(folder, 'pg_wal'));
    await rename(join(folder, 'pg_wal.away'), join(folder, 'pg_wal'));
  }
  const fill = () => db.query('insert into t select generate_series(1, 1500000)');

  it('throws when it dies in a statement, instead of looping for ever, and runs again once it can', async () => {
    await db.query('insert into t values (1)');
    const heard: string[] = [];
    await db.listen('c', (payload) => heard.push(payload));
    await takeLogAway();
    await assert.rejects(fill(), { code: 'db.unavailable' });
    await assert.rejects(count(), { code: 'db.unavailable' });
    await giveLogBack();
    assert.equal(await count(), 1);
    await db.query("select pg_notify('c', 'again')");
    assert.deepEqual(heard, ['', 'again']);
    assert.match(log.of('error').join(), /stopped, it is opened again.*does not open again/);
    assert.match(log.of('warn').join(), /runs again/);
  });

  it('does not loop when it dies inside a transaction', async () => {
    await takeLogAway();
    const work = db.tx(async (q) => {
      await q.query('insert into t values (1)');
      await q.query('insert into t select generate_series(1, 1500000)');
    });
    await assert.rejects(work, { code: 'db.unavailable' });
    await giveLogBack();
    assert.equal(await count(), 0);
  });

  it('closes also when it is dead', async () => {
    await takeLogAway();
    await assert.rejects(fill());
    await db.close();
    await db.close();
    await assert.rejects(count(), { code: 'db.unavailable' });
  });

  it('keeps its write-ahead log and its tables small by upkeep', async () => {
    const upkeep = createUpkeep({ db, clock: new FakeClock(), log });
    const bytes = async () => {
      let sum = 0;
      for (const name of await readdir(join(folder, 'pg_wal'), { recursive: true })) {
        sum += (await stat(join(folder, 'pg_wal', name))).size;
      }
      return sum;
    };
    await db.query('insert into t select generate_series(1, 40000)');
    let size = 0;
    for (let round = 0; round < 6; round += 1) {
      await db.query('update t set n = n + 1');
      await db.query('update t set n = n + 1');
      await upkeep.run();
      const { rows } = await db.query<{ size: number }>("select pg_relation_size('t') as size");
      if (round === 1) size = rows[0]?.size ?? 0;
      else if (round > 1) assert.ok((rows[0]?.size ?? 0) <= size * 1.2, 'dead rows are used again');
    }
    assert.ok((await bytes()) <= 160 * 1024 * 1024, `${await bytes()} bytes of log`);
    await upkeep.stop();
  });
});
