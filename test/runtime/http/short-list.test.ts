import assert from 'node:assert/strict';
import { byCreation, byNumber, shortPage } from '../../../runtime/http/short-list.ts';
import { openDoor } from '../../support/http-door.ts';

interface Row {
  id: string;
  created_at: string | null;
}

const row = (id: string, second: number): Row => ({ id, created_at: new Date(second * 1000).toISOString() });

describe('a list that is at hand as a whole', () => {
  const old = [row('a', 1), row('b', 3), row('c', 2), row('e', 2), { id: 'flow', created_at: null }];

  /** All pages, one after the other; `meanwhile` happens after each. */
  function pages(all: Row[], limit: number, meanwhile: () => void = () => undefined): string[] {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: Row[]; next: string | null } = shortPage(all, byCreation, {
        limit,
        ...(cursor !== null && { cursor }),
      });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
      meanwhile();
    } while (cursor !== null);
    return seen;
  }

  it('comes the newest first, in pages that end with null; what is equally old by name', () => {
    const order = ['b', 'c', 'e', 'a', 'flow'];
    for (const limit of [1, 2, 3, 4, 5, 6]) assert.deepEqual(pages(old, limit), order, `pages of ${limit}`);
    assert.deepEqual(shortPage(old, byCreation, {}).next, null);
    assert.deepEqual(shortPage([], byCreation, { limit: 2 }), { items: [], next: null });
    const users = [{ id: 9 }, { id: 10 }, { id: 2 }];
    assert.deepEqual(shortPage(users, byNumber, {}).items, [{ id: 10 }, { id: 9 }, { id: 2 }]);
  });

  it('hides and repeats nobody while others come and go', () => {
    const all = [...old];
    let turn = 0;
    const seen = pages(all, 1, () => {
      turn += 1;
      all.push(row(`new-${turn}`, 100 + turn));
      const at = all.findIndex(({ id }) => id === 'b');
      if (at >= 0) all.splice(at, 1);
    });
    assert.deepEqual(seen, ['b', 'c', 'e', 'a', 'flow']);
  });

  it('takes no cursor but its own', () => {
    for (const cursor of ['', 'zzz', Buffer.from('x y').toString('base64url'), Buffer.from('1').toString('base64url')])
      assert.throws(() => shortPage(old, byCreation, { cursor }), { code: 'request.invalid' });
  });
});

describe('lists of devices, cameras, users and streams over HTTP', () => {
  const rows = Array.from({ length: 60 }, (_, n) => ({ ...row(`x-${n}`, n), cameras: [], camera: 'gate', info: {} }));
  const parts = {
    fleet: { devices: async () => rows, cameras: async () => rows, camera: async () => ({}) },
    published: { list: async () => rows, livekit: { roomOf: () => undefined } },
  } as never;

  it('give 50 when nothing is said, the newest first, and the rest by the cursor', async () => {
    const door = await openDoor(parts);
    try {
      const token = await door.userToken('admin');
      for (const path of ['devices', 'cameras', 'streams', 'cameras/gate/streams']) {
        const first = (await door.call('GET', `/api/v1/${path}`, { token })).json;
        assert.deepEqual([first.items.length, first.items[0].id, first.items[49].id], [50, 'x-59', 'x-10'], path);
        const rest = (await door.call('GET', `/api/v1/${path}?cursor=${first.next}`, { token })).json;
        assert.deepEqual([rest.items.length, rest.items[0].id, rest.next], [10, 'x-9', null], path);
        for (const wrong of ['limit=0', 'limit=201', 'limit=x', 'cursor=nonsense', 'page=2'])
          assert.equal((await door.call('GET', `/api/v1/${path}?${wrong}`, { token })).status, 400, `${path}?${wrong}`);
      }
      for (let n = 0; n < 2; n += 1) await door.userToken('viewer');
      const users = (await door.call('GET', '/api/v1/users?limit=2', { token })).json;
      assert.deepEqual(
        users.items.map(({ id }: { id: number }) => id),
        [3, 2],
      );
      const last = (await door.call('GET', `/api/v1/users?limit=2&cursor=${users.next}`, { token })).json;
      assert.deepEqual([last.items.length, last.items[0].id, last.next], [1, 1, null]);
    } finally {
      await door.close();
    }
  });
});
