import assert from 'node:assert/strict';
import { rememberUsers } from '../../../../runtime/http/auth/remembered-users.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { memoryUsers } from '../../../support/memory-users.ts';

describe('users that are remembered', () => {
  async function remembered() {
    const inside = memoryUsers();
    const clock = new FakeClock();
    let asked = 0;
    const store = rememberUsers(
      {
        ...inside,
        byId: (id) => {
          asked += 1;
          return inside.byId(id);
        },
      },
      clock,
    );
    const user = await store.create({
      name: 'anna',
      email: null,
      role: 'operator',
      cameras: null,
      mayEditFlows: false,
      mustChangePassword: false,
      passwordHash: 'first',
    });
    assert.ok(user);
    return { store, inside, clock, id: user.id, asked: () => asked };
  }

  it('are asked for once a second, however many want to know', async () => {
    const { store, clock, id, asked } = await remembered();
    for (let n = 0; n < 50; n += 1) assert.equal((await store.byId(id))?.name, 'anna');
    assert.equal(asked(), 1);
    await clock.advance(1000);
    await store.byId(id);
    assert.equal(asked(), 2);
  });

  it('are seen as they are at once after a change through the same store, also one of a transaction', async () => {
    const { store, id } = await remembered();
    await store.byId(id);
    await store.setPassword(id, 'second', false);
    assert.equal((await store.byId(id))?.passwordHash, 'second');
    await store.tx(async (inner) => {
      await inner.update(id, { role: 'viewer' });
      await store.byId(id);
    });
    assert.equal((await store.byId(id))?.role, 'viewer');
    await store.create({
      name: 'root',
      email: null,
      role: 'admin',
      cameras: null,
      mayEditFlows: true,
      mustChangePassword: false,
      passwordHash: 'x',
    });
    await store.remove(id);
    assert.equal(await store.byId(id), undefined);
  });

  it('are asked for again when the answer was nobody, or an error', async () => {
    const inside = memoryUsers();
    let fails = true;
    const store = rememberUsers(
      { ...inside, byId: (id) => (fails ? Promise.reject(new Error('away')) : inside.byId(id)) },
      new FakeClock(),
    );
    await assert.rejects(store.byId(1), /away/);
    fails = false;
    assert.equal(await store.byId(1), undefined);
    await inside.create({
      name: 'anna',
      email: null,
      role: 'admin',
      cameras: null,
      mayEditFlows: true,
      mustChangePassword: false,
      passwordHash: 'x',
    });
    assert.equal((await store.byId(1))?.name, 'anna');
  });
});
