import assert from 'node:assert/strict';
import { listAudit, writeAudit } from '../../../runtime/db/audit.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';

describeOnBothDatabases('audit log', (database) => {
  it('keeps who did what to which thing, and goes with its transaction', async () => {
    const db = await database.open();
    await writeAudit(db, { actor: 'user:anna', action: 'device.create', object: 'device/pi' });
    const rolledBack = db.tx(async (q) => {
      await writeAudit(q, { actor: 'user:bo', action: 'device.delete', object: 'device/pi' });
      throw new Error('no');
    });
    await assert.rejects(rolledBack);
    await writeAudit(db, {
      actor: 'user:bo',
      action: 'device.patch',
      object: 'device/pi',
      ip: '::1',
      details: { a: [1] },
    });
    const { rows } = await db.query(`select actor, action, object, ip, details from audit order by id`);
    assert.deepEqual(rows, [
      { actor: 'user:anna', action: 'device.create', object: 'device/pi', ip: null, details: {} },
      { actor: 'user:bo', action: 'device.patch', object: 'device/pi', ip: '::1', details: { a: [1] } },
    ]);
  });

  it('is read newest first, page by page, narrowed by who, what and when', async () => {
    const db = await database.open();
    for (let n = 0; n < 5; n += 1)
      await writeAudit(db, { actor: n % 2 ? 'user:bo' : 'user:anna', action: 'device.patch', object: `device/${n}` });
    const first = await listAudit(db, { limit: 3 });
    const rest = await listAudit(db, { limit: 3, before: Number(first.next) });
    assert.deepEqual(
      [...first.items, ...rest.items].map(({ object }) => object),
      ['device/4', 'device/3', 'device/2', 'device/1', 'device/0'],
    );
    assert.equal(rest.next, null);
    assert.equal((await listAudit(db, { limit: 9, actor: 'user:bo' })).items.length, 2);
    assert.equal((await listAudit(db, { limit: 9, object: 'device/3', action: 'device.patch' })).items.length, 1);
    assert.equal((await listAudit(db, { limit: 9, to: 0 })).items.length, 0);
  });
});
