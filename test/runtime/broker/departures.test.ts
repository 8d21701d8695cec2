import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Departures } from '../../../runtime/broker/departures.ts';

describe('the ends of connections', () => {
  it('are dealt with at once while few leave', () => {
    const departures = new Departures();
    const gone: number[] = [];
    for (let n = 0; n < 3; n += 1) departures.add(() => void gone.push(n));
    assert.deepEqual(gone, [0, 1, 2]);
  });

  it('are dealt with a few a turn when all leave together, in their order, and others get their turns between', async () => {
    const departures = new Departures();
    const gone: number[] = [];
    const target = new EventTarget();
    const all = once(target, 'all');
    for (let n = 0; n < 1000; n += 1)
      departures.add(() => {
        gone.push(n);
        if (gone.length === 1000) target.dispatchEvent(new Event('all'));
      });
    const most: number[] = [];
    while (gone.length < 1000) {
      const before = gone.length;
      await nextTurn();
      most.push(gone.length - before);
    }
    await all;
    assert.deepEqual(
      gone,
      Array.from({ length: 1000 }, (_, n) => n),
    );
    assert.ok(Math.max(...most) <= 8, `${Math.max(...most)} in one turn`);
    let more = 0;
    departures.add(() => {
      more += 1;
    });
    await nextTurn();
    assert.equal(more, 1);
  });

  it('takes one that leaves because another left', async () => {
    const departures = new Departures();
    const gone: string[] = [];
    for (let n = 0; n < 20; n += 1)
      departures.add(() => {
        gone.push(`first ${n}`);
        departures.add(() => void gone.push(`then ${n}`));
      });
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    assert.equal(gone.length, 40);
  });
});
