import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { migrate } from '../../../runtime/db/migrate.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';

describeOnBothDatabases('migrations', (database) => {
  let db: Db;
  let folder: URL;

  beforeEach(async () => {
    db = await database.open();
    folder = pathToFileURL(`${await temporaryFolder('migrations')}/`);
    // The shared database is at the product's own state: a test's migrations begin from none, under the same table.
    await db.query('alter table schema_migrations rename to own_migrations');
  });
  afterEach(async () => {
    await db.query(
      `drop table if exists schema_migrations, one, two, three;
       alter table own_migrations rename to schema_migrations`,
    );
  });

  const file = (name: string, text: string) => writeFile(new URL(name, folder), text);
  const numbers = async () =>
    (await db.query<{ number: number }>('select number from schema_migrations order by number')).rows.map(
      (row) => row.number,
    );

  it('runs files of several statements in order, once', async () => {
    await file(
      '0001-first.sql',
      "create table one (a text default 'x;y'); -- a comment; with a semicolon\ninsert into one values ('a');",
    );
    await file('0002-second.sql', "insert into one values ('b'); alter table one add b integer not null default 1;");
    assert.deepEqual(await migrate(db, silentLog, folder), [1, 2]);
    assert.deepEqual(await migrate(db, silentLog, folder), []);
    assert.deepEqual((await db.query('select a, b from one order by a')).rows, [
      { a: 'a', b: 1 },
      { a: 'b', b: 1 },
    ]);
    await file('0003-third.sql', 'create table three ()');
    assert.deepEqual(await migrate(db, silentLog, folder), [3]);
    assert.deepEqual(await numbers(), [1, 2, 3]);
  });

  it('leave nothing of one that fails, and keep those before it', async () => {
    await file('0001-first.sql', 'create table one ()');
    await file('0002-second.sql', 'create table two (); insert into nowhere values (1);');
    await assert.rejects(migrate(db, silentLog, folder), { code: '42P01' });
    const { rows } = await db.query(
      "select to_regclass('one') is not null as one, to_regclass('two') is not null as two",
    );
    assert.deepEqual(rows, [{ one: true, two: false }]);
    assert.deepEqual(await numbers(), [1]);
    await file('0002-second.sql', 'create table two ()');
    assert.deepEqual(await migrate(db, silentLog, folder), [2], 'goes on once it is mended');
  });

  it('refuse a database that a newer version has taken further, and touch nothing', async () => {
    await file('0001-first.sql', 'create table one ()');
    await migrate(db, silentLog, folder);
    await db.query("insert into schema_migrations (number, name) values (2, 'later')");
    await assert.rejects(migrate(db, silentLog, folder), (error: unknown) => {
      assert.ok(error instanceof AppError && error.code === 'db.newer');
      assert.match(error.message, /at migration 2 and this version of Redeye knows 1/);
      return true;
    });
  });

  it('run once when two servers start at the same time', async () => {
    await file('0001-first.sql', 'create table one ()');
    await file('0002-second.sql', 'select pg_sleep(0.1); create table two ()');
    const both = await Promise.all([migrate(db, silentLog, folder), migrate(db, silentLog, folder)]);
    assert.deepEqual(both.flat().sort(), [1, 2]);
  });

  it('want to be numbered without gaps', async () => {
    await file('0002-second.sql', 'select 1');
    await assert.rejects(migrate(db, silentLog, folder), /0002-second\.sql should be number 1/);
  });
});

describeOnBothDatabases("the product's own schema", (database) => {
  it('is in place, and a second migration has nothing to do', async () => {
    const db = await database.open();
    assert.deepEqual(await migrate(db, silentLog), []);
    assert.equal((await db.query("select to_regclass('captures') as name")).rows[0]?.['name'], 'captures');
  });
});
