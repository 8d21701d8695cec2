import assert from 'node:assert/strict';
import { writeAudit } from '../../../runtime/db/audit.repo.ts';
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
});
