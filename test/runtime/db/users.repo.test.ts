import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import type { UserStore } from '../../../runtime/contracts/services.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { createUserStore } from '../../../runtime/db/users.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';

const someone = {
  name: 'anna',
  email: 'Anna@example.org',
  role: 'viewer' as const,
  cameras: ['porch'],
  mayEditFlows: false,
  mustChangePassword: true,
  passwordHash: 'x',
};
const hashOf = (text: string) => createHash('sha256').update(text).digest();

describeOnBothDatabases('users', (database) => {
  let db: Db;
  let store: UserStore;
  beforeEach(async () => {
    db = await database.open();
    store = createUserStore(db);
  });
  afterEach(() => db.close());

  it('are found by name or e-mail address in any case, with everything that was stored', async () => {
    assert.equal(await store.count(), 0);
    const made = await store.create(someone);
    assert.deepEqual(await store.byLogin('ANNA'), made);
    assert.deepEqual(await store.byLogin('anna@EXAMPLE.org'), made);
    assert.deepEqual(await store.byId(made.id), { ...someone, id: made.id, disabled: false });
    assert.equal(await store.byLogin("' or 1=1 --"), undefined);
    assert.equal(await store.count(), 1);
  });

  it('have one name and one address each', async () => {
    await store.create(someone);
    await assert.rejects(store.create({ ...someone, name: 'ANNA', email: null }), { code: '23505' });
    await assert.rejects(store.create({ ...someone, name: 'bert', email: 'anna@example.org' }), { code: '23505' });
  });

  it('may edit flows when they are admins, whatever the row says', async () => {
    const admin = await store.create({ ...someone, role: 'admin', cameras: null });
    assert.deepEqual([admin.mayEditFlows, admin.cameras], [true, null]);
  });

  it('let exactly one of two uses of a refresh token at once find it fresh', async () => {
    const { id } = await store.create(someone);
    const family = randomUUID();
    await store.addRefresh({ hash: hashOf('t'), family, userId: id, expiresAt: Date.now() + 60_000 });
    const uses = await Promise.all([
      store.useRefresh(hashOf('t'), Date.now()),
      store.useRefresh(hashOf('t'), Date.now()),
    ]);
    assert.deepEqual(uses.map((use) => use?.state).sort(), ['fresh', 'used']);
    assert.deepEqual([uses[0]?.userId, uses[0]?.family], [id, family]);
    assert.equal(await store.useRefresh(hashOf('unknown'), Date.now()), undefined);
  });

  it('know an expired token, and none of a revoked family', async () => {
    const { id } = await store.create(someone);
    const family = randomUUID();
    await store.addRefresh({ hash: hashOf('a'), family, userId: id, expiresAt: Date.now() + 1000 });
    assert.equal((await store.useRefresh(hashOf('a'), Date.now() + 2000))?.state, 'expired');
    await store.revokeFamily(family);
    assert.equal(await store.useRefresh(hashOf('a'), Date.now()), undefined);
  });
});
