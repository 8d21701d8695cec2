import assert from 'node:assert/strict';
import { Inbox } from '../../../runtime/broker/inbox.ts';
import { silentLog } from '../../../runtime/lib/log.ts';

describe('what devices say', () => {
  it('is dealt with in order of each device, a few devices at a time, whatever fails between', async () => {
    const inbox = new Inbox(silentLog);
    const order = new Map<string, number[]>();
    let running = 0;
    let most = 0;
    for (let number = 0; number < 5; number += 1)
      for (let at = 0; at < 40; at += 1) {
        const device = `pi-${at}`;
        inbox.add(device, 'heartbeat', async () => {
          running += 1;
          most = Math.max(most, running);
          order.set(device, [...(order.get(device) ?? []), number]);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          if (number === 2) throw new Error('the database is away');
        });
      }
    await inbox.drained();
    assert.equal(order.size, 40);
    for (const numbers of order.values()) assert.deepEqual(numbers, [0, 1, 2, 3, 4]);
    assert.equal(most, 4);
    inbox.add('pi-0', 'heartbeat', () => {
      order.clear();
    });
    await inbox.drained();
    assert.equal(order.size, 0, 'places that failed are free again');
  });

  it('waits, but for one at a time, while a crowd is let in', async () => {
    let isCrowded = true;
    const inbox = new Inbox(silentLog, () => isCrowded);
    let running = 0;
    const most = { crowded: 0, after: 0 };
    let done = 0;
    for (let at = 0; at < 40; at += 1)
      inbox.add(`pi-${at}`, 'state', async () => {
        running += 1;
        const when = isCrowded ? 'crowded' : 'after';
        most[when] = Math.max(most[when], running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        done += 1;
        if (done === 20) isCrowded = false;
      });
    await inbox.drained();
    assert.deepEqual([done, most], [40, { crowded: 1, after: 4 }]);
  });
});
