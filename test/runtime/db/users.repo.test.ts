import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import type { UserStore } from '../../../runtime/contracts/services.ts';
import type { Role } from '../../../runtime/contracts/users.ts';
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
  passwordGiven: true,
  passwordHash: 'x',
};
const hashOf = (text: string) => createHash('sha256').update(text).digest();

describeOnBothDatabases('users', (database) => {
  let db: Db;
  let store: UserStore;
  const made = async (user: Partial<Omit<typeof someone, 'role'>> & { role?: Role } = {}) => {
    const stored = await store.create({ ...someone, ...user });
    assert.ok(stored);
    return stored;
  };
  beforeEach(async () => {
    db = await database.open();
    store = createUserStore(db);
  });
  afterEach(() => db.close());

  it('are found by name or e-mail address in any case, with everything that was stored', async () => {
    assert.equal(await store.count(), 0);
    const anna = await made();
    assert.deepEqual(await store.byLogin('ANNA'), anna);
    assert.deepEqual(await store.byLogin('anna@EXAMPLE.org'), anna);
    assert.deepEqual(await store.byId(anna.id), { ...someone, id: anna.id, disabled: false, longToken: false });
    assert.equal(await store.byLogin("' or 1=1 --"), undefined);
    assert.equal(await store.count(), 1);
  });

  it('have one name and one address each', async () => {
    await made();
    const bert = await made({ name: 'bert', email: 'bert@example.org' });
    for (const twin of [
      { name: 'ANNA', email: null },
      { name: 'carl', email: 'anna@example.org' },
      { name: 'bert@EXAMPLE.org', email: null },
    ])
      assert.equal(await store.create({ ...someone, ...twin }), undefined);
    assert.equal(await store.update(bert.id, { email: 'ANNA@example.org' }), 'exists');
    assert.equal(await store.update(bert.id, { email: 'anna' }), 'exists');
  });

  it('may edit flows when they are admins, whatever the row says', async () => {
    const admin = await made({ role: 'admin', cameras: null as never });
    assert.deepEqual([admin.mayEditFlows, admin.cameras], [true, null]);
  });

  it('let exactly one of two uses of a refresh token at once find it fresh', async () => {
    const { id } = await made();
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
    const { id } = await made();
    const family = randomUUID();
    await store.addRefresh({ hash: hashOf('a'), family, userId: id, expiresAt: Date.now() + 1000 });
    assert.equal((await store.useRefresh(hashOf('a'), Date.now() + 2000))?.state, 'expired');
    await store.revokeFamily(family);
    assert.equal(await store.useRefresh(hashOf('a'), Date.now()), undefined);
  });

  it('change in what was named and keep the rest, back to all cameras too', async () => {
    const anna = await made();
    assert.deepEqual(await store.update(anna.id, { role: 'operator', longToken: true }), {
      ...anna,
      role: 'operator',
      longToken: true,
    });
    const changed = await store.update(anna.id, { cameras: null, email: null, disabled: true });
    assert.ok(typeof changed === 'object');
    assert.deepEqual([changed.cameras, changed.email, changed.disabled, changed.role], [null, null, true, 'operator']);
    assert.equal(await store.update(999, { role: 'viewer' }), 'unknown');
    assert.equal(await store.remove(999), 'unknown');
  });

  it('never lose the last one who administers, not even to two who take each other out at once', async () => {
    const one = await made({ name: 'one', email: null as never, role: 'admin' });
    for (const change of [{ role: 'viewer' as const }, { disabled: true }])
      assert.equal(await store.update(one.id, change), 'last_admin');
    assert.equal(await store.remove(one.id), 'last_admin');
    const two = await made({ name: 'two', email: null as never, role: 'admin' });
    const results = await Promise.all([
      store.tx((inner) => inner.update(one.id, { role: 'viewer' })),
      store.tx((inner) => inner.remove(two.id)),
    ]);
    assert.equal(results.filter((result) => result === 'last_admin').length, 1);
    assert.equal((await store.list()).filter(({ role, disabled }) => role === 'admin' && !disabled).length, 1);
  });

  it('have app passwords that are found by their public part and go with them', async () => {
    const { id } = await made();
    const password = { userId: id, name: 'ha', key: '01234567', hash: hashOf('s'), at: 1000 };
    const kept = await store.addAppPassword(password);
    assert.ok(kept);
    assert.equal(await store.addAppPassword(password), undefined);
    await store.touchAppPassword(kept.id, 5000);
    const found = await store.appPassword('01234567');
    assert.deepEqual([found?.userId, found?.hash.equals(hashOf('s')), found?.lastUsedAt], [id, true, 5000]);
    assert.equal(await store.removeAppPassword(id + 1, kept.id), false);
    assert.equal(await store.remove(id), 'removed');
    assert.equal(await store.appPassword('01234567'), undefined);
  });
});
