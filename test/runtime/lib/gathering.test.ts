import assert from 'node:assert/strict';
import { Gathering } from '../../../runtime/lib/gathering.ts';

const CROWD = { size: 16, withinMs: 50, gatherMs: 8, enough: 32 };

describe('the gathering of a batch', () => {
  it('never waits for who comes alone, however long it goes on', () => {
    const gathering = new Gathering(CROWD);
    for (let at = 0; at < 10_000; at += 5) {
      gathering.note(at);
      assert.equal(gathering.waitMs(at, 1), 0, `at ${at} ms, 200 frames a second`);
    }
  });

  it('waits a few milliseconds while frames come in a crowd, and no longer once it has gone', () => {
    const gathering = new Gathering(CROWD);
    for (let n = 0; n < 15; n += 1) gathering.note(n);
    assert.equal(gathering.waitMs(15, 15), 0, 'fifteen are no crowd yet');
    gathering.note(15);
    const wait = gathering.waitMs(16, 3);
    assert.ok(wait > 0 && wait <= 10, `${wait} ms`);
    assert.equal(gathering.waitMs(100, 3), 0);
  });

  it('does not wait with a batch that is large already', () => {
    const gathering = new Gathering(CROWD);
    for (let n = 0; n < 100; n += 1) gathering.note(n / 10);
    assert.equal(gathering.waitMs(10, 64), 0);
  });
});
