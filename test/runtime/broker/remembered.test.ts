import assert from 'node:assert/strict';
import { Remembered } from '../../../runtime/broker/remembered.ts';

describe('what is said again to a broker that forgot it', () => {
  it('is the latest of each topic, and what was taken back until the broker has heard that', () => {
    const remembered = new Remembered();
    const nothing = Buffer.alloc(0);
    remembered.keep('a', Buffer.from('1'));
    remembered.said('a', Buffer.from('1'));
    remembered.keep('a', Buffer.from('2'));
    remembered.keep('b', nothing);
    assert.deepEqual(remembered.all(), [
      ['a', Buffer.from('2')],
      ['b', nothing],
    ]);
    remembered.said('b', nothing);
    assert.deepEqual(
      remembered.all().map(([topic]) => topic),
      ['a'],
    );
  });

  it('stays within 32 MB: what does not fit is not said again', () => {
    const remembered = new Remembered();
    const large = Buffer.alloc(20 * 1024 * 1024);
    remembered.keep('a', large);
    remembered.keep('b', large);
    assert.deepEqual(
      remembered.all().map(([topic]) => topic),
      ['a'],
    );
    remembered.keep('a', Buffer.alloc(1));
    remembered.keep('b', large);
    assert.deepEqual(
      remembered.all().map(([topic]) => topic),
      ['a', 'b'],
    );
  });
});
