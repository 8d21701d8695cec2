import assert from 'node:assert/strict';
import { Presence } from '../../../runtime/broker/presence.ts';

const online = (session: number) => ({ state: 'online', session }) as const;
const offline = (session: number) => ({ state: 'offline', session }) as const;

describe('who is there behind an outside broker', () => {
  it('is who says so: once for each of its connections, until its own farewell', () => {
    const presence = new Presence();
    assert.equal(presence.hearState('pi', online(4), false, 0), 'came');
    assert.equal(presence.hearState('pi', online(4), false, 1), 'same');
    assert.equal(presence.hearState('pi', offline(3), false, 2), 'late');
    assert.ok(presence.has('pi'));
    assert.equal(presence.hearState('pi', online(5), false, 3), 'came');
    assert.equal(presence.hearState('pi', offline(5), false, 4), 'gone');
    assert.equal(presence.has('pi'), false);
    assert.equal(presence.hearState('pi', offline(5), true, 5), 'same');
    assert.equal(
      presence.hearState('pi', online(1), false, 6),
      'came',
      'a device that was set up anew counts from one',
    );
  });

  it('is given up after a silence, whatever the broker has kept, until it speaks', () => {
    const presence = new Presence();
    presence.hearState('pi', online(1), true, 0);
    presence.hearState('other', online(1), true, 0);
    presence.hearLife('other', 80);
    assert.deepEqual(presence.giveUpSilent(100, 100), []);
    assert.deepEqual(presence.giveUpSilent(100, 101), [{ device: 'pi', session: 1 }]);
    assert.deepEqual(presence.giveUpSilent(100, 102), [], 'once');
    assert.equal(presence.hearState('pi', online(1), true, 103), 'late');
    assert.equal(presence.hearLife('pi', 104)?.news, 'came');
    assert.equal(presence.count(), 2);
  });

  it('is not known while the connection to the broker is lost, and given up when it is not heard of again', () => {
    const presence = new Presence();
    presence.hearState('pi', online(1), false, 0);
    presence.hearState('other', online(1), false, 0);
    presence.lose();
    assert.equal(presence.count(), 0);
    assert.equal(presence.hearState('pi', online(1), true, 1), 'came');
    assert.deepEqual(presence.giveUpUnconfirmed(), ['other']);
    assert.equal(presence.hearLife('other', 2)?.news, 'came');
  });

  it('is not revived by a heartbeat that comes after the farewell, nor by one of which no state is known', () => {
    const presence = new Presence();
    presence.hearState('pi', online(1), false, 0);
    presence.hearState('pi', offline(1), false, 1);
    assert.equal(presence.hearLife('pi', 2)?.news, 'same');
    assert.equal(presence.has('pi'), false);
    assert.equal(presence.hearLife('nobody', 3), undefined);
  });

  it('is back with the next word after being shut out', () => {
    const presence = new Presence();
    presence.hearState('pi', online(1), false, 0);
    assert.ok(presence.shutOut('pi'));
    assert.equal(presence.shutOut('pi'), false);
    assert.equal(presence.hearLife('pi', 1)?.news, 'came');
  });
});
