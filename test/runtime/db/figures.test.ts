import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import { databaseFigures } from '../../../runtime/db/figures.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describeOnBothDatabases('the figures of the database', (database) => {
  let db: Db;

  beforeEach(async () => {
    db = await database.open();
  });

  it('count rows, measure tables and tell the last write, asked anew after ten seconds', async () => {
    const clock = new FakeClock();
    const figures = databaseFigures(db, clock);
    const audit = async () => (await figures()).tables.find(({ name }) => name === 'audit');
    const { version, sizeBytes, tables } = await figures();
    assert.match(version, /^\d+/);
    assert.ok(sizeBytes > 1e6);
    assert.deepEqual(
      tables.map(({ name }) => name),
      ['audit', 'captures', 'devices', 'events', 'images', 'jobs'],
    );
    assert.deepEqual([(await audit())?.rows, (await audit())?.lastWrite], [0, null]);
    await db.query(`insert into audit (at, actor, action, object) values ('2026-11-20T12:00:00Z', 'anna', 'x', 'y')`);
    assert.equal((await audit())?.rows, 0, 'the answer of before is good for a while');
    await clock.advance(10_001);
    const { rows, lastWrite, sizeBytes: size = 0 } = (await audit()) ?? {};
    assert.deepEqual([rows, lastWrite?.toISOString(), size > 0], [1, '2026-11-20T12:00:00.000Z', true]);
  });

  it('give the estimate of the database for a table that is too large to be counted', async () => {
    await db.query(`update pg_class set reltuples = 2000000 where relname = 'captures'`);
    const { tables } = await databaseFigures(db, new FakeClock())();
    assert.equal(tables.find(({ name }) => name === 'captures')?.rows, 2_000_000);
  });

  it('fail while the database does not answer, and are there again with it', async () => {
    let isBroken = true;
    const query: Db['query'] = (...asked) => (isBroken ? Promise.reject(new Error('gone')) : db.query(...asked));
    const figures = databaseFigures({ query }, new FakeClock());
    await assert.rejects(figures(), /gone/);
    isBroken = false;
    assert.ok((await figures()).tables.length > 0);
  });
});
