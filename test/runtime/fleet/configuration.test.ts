import assert from 'node:assert/strict';
import { defaultDeviceConfig } from '../../../runtime/contracts/device-config.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { ANNA, auditOf, type FleetBench, fleetOn } from './fleet-bench.ts';

describeOnBothDatabases('configuration', (database) => {
  let db: Db;
  let bench: FleetBench;

  beforeEach(async () => {
    db = await database.open();
    bench = fleetOn(db);
    await bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
  });

  it("begins with the contract's defaults", async () => {
    assert.deepEqual(await bench.fleet.config('pi-1'), { version: 1, config: defaultDeviceConfig() });
    await assert.rejects(bench.fleet.config('nobody'), { code: 'device.not_found' });
  });

  it('merges what is put, as a new version that the device is told of', async () => {
    const { fleet, notified } = bench;
    await fleet.putConfig('pi-1', { capture_interval_s: 0.5 }, ANNA);
    const { version, config } = await fleet.putConfig('pi-1', { burst_fps: 4, width: 640 }, ANNA);
    assert.equal(version, 3);
    assert.deepEqual(config, { ...defaultDeviceConfig(), capture_interval_s: 0.5, burst_fps: 4, width: 640 });
    assert.deepEqual(await fleet.config('pi-1'), { version, config });
    assert.deepEqual(notified, [
      ['pi-1', 2],
      ['pi-1', 3],
    ]);
    const { rows } = await db.query<{ version: number; active: boolean; created_by: string }>(
      `select version, active, created_by from device_configs where device_id = 'pi-1' order by version`,
    );
    assert.deepEqual(rows, [
      { version: 1, active: false, created_by: 'user:anna' },
      { version: 2, active: false, created_by: 'user:anna' },
      { version: 3, active: true, created_by: 'user:anna' },
    ]);
    assert.deepEqual((await auditOf(db)).slice(1), ['device.config device/pi-1', 'device.config device/pi-1']);
  });

  it('stays as it is when nothing changes', async () => {
    await bench.fleet.putConfig('pi-1', { burst_fps: 4 }, ANNA);
    assert.equal((await bench.fleet.putConfig('pi-1', { burst_fps: 4 }, ANNA)).version, 2);
    assert.equal((await bench.fleet.putConfig('pi-1', {}, ANNA)).version, 2);
    assert.equal(bench.notified.length, 1);
  });

  it('loses none of two simultaneous changes', async () => {
    await Promise.all([
      bench.fleet.putConfig('pi-1', { burst_fps: 4 }, ANNA),
      bench.fleet.putConfig('pi-1', { jpeg_quality: 60 }, ANNA),
    ]);
    const { version, config } = await bench.fleet.config('pi-1');
    assert.deepEqual([version, config.burst_fps, config.jpeg_quality], [3, 4, 60]);
  });

  describe('as the device gets it', () => {
    it('names every time in milliseconds too, the last seq and the broker', async () => {
      await db.query(`update devices set last_seq = 9007199254740991 where id = 'pi-1'`);
      const served = await bench.fleet.servedConfig('pi-1');
      assert.deepEqual(
        [served.ok, served.device_id, served.version, served.last_seq, served.mode, served.burst_until],
        [true, 'pi-1', 1, 9007199254740991, 'baseline', null],
      );
      assert.deepEqual(served.mqtt, { url: 'mqtt://127.0.0.1:1883', root: 'redeye/v1/home' });
      assert.equal(served.config.capture_interval_ms, 30_000);
      assert.equal(served.config.interaction_end_timeout_ms, 3000);
    });

    it('is the same to the byte as long as nothing happens', async () => {
      const first = JSON.stringify(await bench.fleet.servedConfig('pi-1'));
      await bench.clock.advance(5000);
      assert.equal(JSON.stringify(await bench.fleet.servedConfig('pi-1')), first);
    });

    it('notes the fetch, at most once a second', async () => {
      const { fleet, clock } = bench;
      const fetched = async () => (await fleet.device('pi-1')).last_config_fetch;
      assert.equal(await fetched(), null);
      await fleet.servedConfig('pi-1');
      const first = await fetched();
      assert.equal(first, new Date(clock.now()).toISOString());
      await clock.advance(400);
      await fleet.servedConfig('pi-1');
      assert.equal(await fetched(), first);
      await clock.advance(700);
      await fleet.servedConfig('pi-1');
      assert.equal(await fetched(), new Date(clock.now()).toISOString());
    });
  });

  describe('burst', () => {
    it('runs for its length, rests, and only then runs again', async () => {
      const { fleet, clock, notified } = bench;
      await fleet.putConfig('pi-1', { burst_duration_s: 10, burst_cooldown_s: 20 }, ANNA);
      notified.length = 0;
      const start = clock.now();
      assert.equal(await fleet.requestBurst('pi-1-cam'), true);
      assert.deepEqual(notified, [['pi-1', 2]]);
      const { mode, burst_until } = await fleet.servedConfig('pi-1');
      assert.deepEqual([mode, burst_until], ['burst', new Date(start + 10_000).toISOString()]);
      await clock.advance(9999);
      assert.equal(await fleet.requestBurst('pi-1-cam'), false);
      assert.equal((await fleet.device('pi-1')).mode, 'burst');
      await clock.advance(1);
      const after = await fleet.servedConfig('pi-1');
      assert.deepEqual([after.mode, after.burst_until], ['baseline', null]);
      await clock.advance(19_999);
      assert.equal(await fleet.requestBurst('pi-1-cam'), false);
      await clock.advance(1);
      assert.equal(await fleet.requestBurst('pi-1-cam'), true);
    });

    it('is one for many askers', async () => {
      const asked = await Promise.all(Array.from({ length: 8 }, () => bench.fleet.requestBurst('pi-1-cam')));
      assert.equal(asked.filter(Boolean).length, 1);
      assert.equal(bench.notified.length, 1);
    });

    it('is refused to unknown cameras and to devices that are shut out', async () => {
      assert.equal(await bench.fleet.requestBurst('nobody'), false);
      await bench.fleet.patchDevice('pi-1', { disabled: true }, ANNA);
      assert.equal(await bench.fleet.requestBurst('pi-1-cam'), false);
    });
  });
});
