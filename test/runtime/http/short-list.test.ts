import assert from 'node:assert/strict';
import { shortPage } from '../../../runtime/http/short-list.ts';

describe('a list that is at hand as a whole', () => {
  const all = ['a', 'b', 'c', 'd', 'e'];

  it('comes whole, or in pages that end with null', () => {
    assert.deepEqual(shortPage(all, {}), { items: all, next: null });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: string[]; next: string | null } = shortPage(all, { limit: 2, ...(cursor && { cursor }) });
      seen.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    assert.deepEqual(seen, all);
    assert.deepEqual(shortPage(all, { limit: 5 }), { items: all, next: null });
    assert.deepEqual(shortPage([], { limit: 2 }), { items: [], next: null });
  });

  it('takes no cursor but its own', () => {
    for (const cursor of [
      '',
      'zzz',
      Buffer.from('at.-1').toString('base64url'),
      Buffer.from('1').toString('base64url'),
    ])
      assert.throws(() => shortPage(all, { cursor }), { code: 'request.invalid' });
  });
});
