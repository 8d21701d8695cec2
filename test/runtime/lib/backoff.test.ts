import assert from 'node:assert/strict';
import { Backoff } from '../../../runtime/lib/backoff.ts';

describe('backoff', () => {
  it('doubles up to its limit and starts over after a success', () => {
    const backoff = new Backoff({ firstMs: 1000, maxMs: 5000, jitter: 0 });
    assert.deepEqual([backoff.next(), backoff.next(), backoff.next(), backoff.next()], [1000, 2000, 4000, 5000]);
    backoff.reset();
    assert.equal(backoff.next(), 1000);
  });

  it('spreads each wait around its length, so that a thousand devices do not come back at once', () => {
    const waits = [0, 0.5, 1].map((value) => new Backoff({ firstMs: 1000, maxMs: 5000, random: () => value }).next());
    assert.deepEqual(waits, [800, 1000, 1200]);
    assert.ok(new Backoff({ firstMs: 1000, maxMs: 5000, random: undefined }).next() >= 800);
  });
});
