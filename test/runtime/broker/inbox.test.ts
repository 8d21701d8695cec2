import assert from 'node:assert/strict';
import { Inbox } from '../../../runtime/broker/inbox.ts';
import { silentLog } from '../../../runtime/lib/log.ts';

describe('what devices say', () => {
  it('is dealt with in order of each device, so many devices at a time and no more, whatever fails between', async () => {
    const inbox = new Inbox(silentLog);
    const order = new Map<string, number[]>();
    let running = 0;
    let most = 0;
    for (let number = 0; number < 5; number += 1)
      for (let at = 0; at < 200; at += 1) {
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
    assert.equal(order.size, 200);
    for (const numbers of order.values()) assert.deepEqual(numbers, [0, 1, 2, 3, 4]);
    assert.equal(most, 128);
    inbox.add('pi-0', 'heartbeat', () => {
      order.clear();
    });
    await inbox.drained();
    assert.equal(order.size, 0, 'places that failed are free again');
  });
});
