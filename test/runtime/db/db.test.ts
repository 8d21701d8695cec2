import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';

describeOnBothDatabases('db', (database) => {
  let db: Db;

  beforeEach(async () => {
    db = await database.open();
  });

  it('answers', async () => {
    const { rows } = await db.query<{ one: number }>('select 1::int8 as one');
    assert.deepEqual(rows, [{ one: 1 }]);
    await db.query("insert into devices (id, name) values ('a', 'A')");
  });

  it('begins empty', async () => {
    const { rows } = await db.query('select * from devices');
    assert.deepEqual(rows, []);
  });
});
