import assert from 'node:assert/strict';
import type { ServedConfig } from '../../../runtime/contracts/device-config.ts';
import { SERVER_DEVICE } from '../../../runtime/contracts/ids.ts';
import { OwnConfig } from '../../../runtime/fleet/own-config.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { until } from '../../support/until.ts';
import { ANNA, type FleetBench, fleetOn } from './fleet-bench.ts';

describeOnBothDatabases("the configuration of the server's own cameras", (database) => {
  let bench: FleetBench;
  let config: OwnConfig;
  let told: ServedConfig[];

  beforeEach(async () => {
    bench = fleetOn(await database.open());
    await bench.fleet.registerBuiltIn();
    const { fleet, clock } = bench;
    config = new OwnConfig({ fleet, clock, log: silentLog });
    told = [];
    config.watch((served) => told.push(served));
    await config.start();
  });

  afterEach(() => config.stop());

  /** Lets time pass in small steps, as the answers of the database come in between. */
  const passes = (what: string, fact: () => boolean) =>
    until(what, async () => {
      await bench.clock.advance(100);
      return fact();
    });

  it('is there at once and follows changes; those of other devices are no news', async () => {
    assert.equal(config.current()?.config.capture_interval_s, 30);
    assert.equal(told.length, 1);
    await bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await bench.fleet.putConfig('pi-1', { capture_interval_s: 2 }, ANNA);
    await bench.fleet.putConfig(SERVER_DEVICE, { capture_interval_s: 5 }, ANNA);
    await passes('the change is there', () => config.current()?.config.capture_interval_s === 5);
    assert.deepEqual(
      told.map((served) => [served.device_id, served.config.capture_interval_s]),
      [
        [SERVER_DEVICE, 30],
        [SERVER_DEVICE, 5],
      ],
    );
  });

  it('goes into a burst when an interaction begins, and back by itself at its end', async () => {
    const { fleet } = bench;
    await fleet.createCamera({ id: 'gate', name: 'Gate', url: 'sim:shelf' }, ANNA);
    await fleet.putConfig(SERVER_DEVICE, { burst_duration_s: 3 }, ANNA);
    assert.equal(await fleet.requestBurst('gate'), true);
    await passes('the burst', () => config.current()?.mode === 'burst');
    const from = bench.clock.monotonicMs();
    await passes('its end', () => config.current()?.mode === 'baseline');
    assert.ok(bench.clock.monotonicMs() - from <= 4000, 'not only at the next regular look');
  });

  it('tells nothing after stop', async () => {
    await config.stop();
    await bench.fleet.putConfig(SERVER_DEVICE, { capture_interval_s: 5 }, ANNA);
    await bench.clock.advance(60_000);
    assert.equal(told.length, 1);
  });
});
