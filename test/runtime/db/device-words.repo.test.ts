import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import {
  markDevicesOffline,
  updateDeviceInfos,
  updateDeviceStates,
  updateHeartbeats,
} from '../../../runtime/db/device-words.repo.ts';
import { findDevice, insertDevice, markDeviceDeleted } from '../../../runtime/db/devices.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';

const AT = new Date('2026-11-20T12:00:00Z');
const LATER = new Date('2026-11-20T12:01:00Z');

describeOnBothDatabases('what many devices say at once', (database) => {
  let db: Db;

  beforeEach(async () => {
    db = await database.open();
    await db.tx(async (q) => {
      for (const id of ['pi-1', 'pi-2', 'pi-3']) await insertDevice(q, { id, name: id, at: AT });
    });
  });

  it('is kept for each, and answered for each: states, with farewells of older sessions left out', async () => {
    const online = (id: string, session: number) => ({ id, state: 'online' as const, session, at: AT });
    const counted = await updateDeviceStates(db, [online('pi-3', 7), online('pi-1', 4), online('nobody', 1)]);
    assert.deepEqual([...counted].sort(), ['pi-1', 'pi-3']);
    const gone = (id: string, session: number) => ({ id, state: 'offline' as const, session, at: LATER });
    assert.deepEqual([...(await updateDeviceStates(db, [gone('pi-1', 4), gone('pi-3', 6)]))], ['pi-1']);
    assert.deepEqual(await seen('pi-1'), ['offline', 4, AT]);
    assert.deepEqual(await seen('pi-3'), ['online', 7, AT]);
    assert.deepEqual(await seen('pi-2'), ['offline', null, null]);
  });

  it('keeps births, heartbeats with what they leave out as it was, and losses of connections', async () => {
    await updateDeviceInfos(db, [
      { id: 'pi-1', info: { version: '1' }, at: AT },
      { id: 'pi-2', info: { version: '2', name: 'Tür "links"' }, at: AT },
    ]);
    await updateHeartbeats(db, [
      { id: 'pi-1', rssi: -60.5, fwVersion: '1.2', health: { rss_mb: 50 }, at: LATER },
      { id: 'pi-2', batteryMv: 3700, at: AT },
    ]);
    const known = await updateHeartbeats(db, [
      { id: 'pi-1', batteryMv: 3600, at: AT },
      { id: 'nobody', at: AT },
    ]);
    assert.deepEqual([...known], ['pi-1']);
    const first = await findDevice(db, 'pi-1');
    assert.deepEqual(
      [first?.info, first?.health, first?.rssi, first?.battery_mv, first?.fw_version, first?.last_seen_at],
      [{ version: '1' }, { rss_mb: 50 }, -60.5, 3600, '1.2', LATER],
    );
    const second = await findDevice(db, 'pi-2');
    assert.deepEqual(
      [second?.info, second?.rssi, second?.battery_mv],
      [{ version: '2', name: 'Tür "links"' }, null, 3700],
    );
    await updateDeviceStates(db, [
      { id: 'pi-1', state: 'online', session: 1, at: AT },
      { id: 'pi-2', state: 'online', session: 1, at: AT },
    ]);
    await markDevicesOffline(db, ['pi-2', 'pi-1', 'nobody']);
    assert.equal((await seen('pi-1'))[0], 'offline');
    assert.equal((await seen('pi-2'))[0], 'offline');
  });

  it('changes nothing of a device that was deleted', async () => {
    await markDeviceDeleted(db, 'pi-1', AT);
    assert.deepEqual(await updateDeviceStates(db, [{ id: 'pi-1', state: 'online', session: 9, at: AT }]), new Set());
    assert.deepEqual(await updateHeartbeats(db, [{ id: 'pi-1', at: AT }]), new Set());
  });

  it('never waits for another that is about the same devices in another order', async () => {
    const ids = Array.from({ length: 40 }, (_, n) => `crowd-${n}`);
    await db.tx(async (q) => {
      for (const id of ids) await insertDevice(q, { id, name: id, at: AT });
    });
    const rounds = Array.from({ length: 20 }, (_, round) => {
      const order = round % 2 === 0 ? ids : ids.toReversed();
      return [
        updateHeartbeats(
          db,
          order.map((id) => ({ id, rssi: -round, at: AT })),
        ),
        updateDeviceInfos(
          db,
          order.toReversed().map((id) => ({ id, info: { round }, at: AT })),
        ),
        markDevicesOffline(db, order),
      ];
    });
    await Promise.all(rounds.flat());
  });

  async function seen(id: string) {
    const row = await findDevice(db, id);
    return [row?.state, row?.session, row?.last_seen_at];
  }
});
