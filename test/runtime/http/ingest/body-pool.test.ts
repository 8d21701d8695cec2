import assert from 'node:assert/strict';
import { BodyPool } from '../../../../runtime/http/ingest/body-pool.ts';
import { ByteBudget } from '../../../../runtime/http/ingest/byte-budget.ts';

const MIB = 1024 * 1024;

describe('memory for bodies', () => {
  it('is used again once it was given back, and never by two at once', () => {
    const pool = new BodyPool();
    const first = pool.take(100_000);
    const second = pool.take(100_000);
    assert.notEqual(first.buffer, second.buffer);
    pool.give(first);
    assert.equal(pool.take(70_000).buffer, first.buffer);
    assert.notEqual(pool.take(70_000).buffer, first.buffer);
  });

  it('is at least as long as asked for, and kept only up to its limit, tiny and huge ones never', () => {
    const pool = new BodyPool(MIB);
    for (const bytes of [0, 1, 9000, 16_384, 16_385, MIB, 4 * MIB, 4 * MIB + 1]) {
      const buffer = pool.take(bytes);
      assert.ok(buffer.length >= bytes);
      pool.give(buffer);
    }
    // 16 KiB for two of them, 32 KiB for one; the megabyte does not fit beside them any more.
    assert.equal(pool.idle, 16_384 + 32_768);
    const large = Array.from({ length: 10 }, () => pool.take(200_000));
    for (const buffer of large) pool.give(buffer);
    assert.ok(pool.idle <= MIB);
  });

  it('belongs to a lease until its release, however often that comes', () => {
    const budget = new ByteBudget(10 * MIB);
    const one = budget.open('pi');
    const body = one.take(90_000);
    assert.deepEqual([body.length, budget.held], [90_000, 90_000]);
    const other = budget.open('pi2');
    assert.notEqual(other.take(90_000).buffer, body.buffer);
    one.release();
    one.release();
    const third = budget.open('pi3');
    const fourth = budget.open('pi4');
    assert.equal(third.take(90_000).buffer, body.buffer);
    assert.notEqual(fourth.take(90_000).buffer, body.buffer);
    assert.equal(budget.held, 270_000);
  });
});
