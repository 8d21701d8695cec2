import assert from 'node:assert/strict';
import { type Roi, WHOLE_PICTURE } from '../../../runtime/contracts/rois.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { ANNA, auditOf, type FleetBench, fleetOn } from './fleet-bench.ts';

const SQUARE: Roi['points'] = [
  [0.1, 0.1],
  [0.5, 0.1],
  [0.5, 0.5],
  [0.1, 0.5],
];

function roi(name: string, more: Partial<Roi> = {}): Roi {
  return { name, kind: 'interaction', points: SQUARE, ...more };
}

describeOnBothDatabases('ROIs', (database) => {
  let db: Db;
  let bench: FleetBench;

  beforeEach(async () => {
    db = await database.open();
    bench = fleetOn(db);
    await bench.fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
  });

  it('are none at version 0 before anybody draws, and the whole picture is compared', async () => {
    assert.deepEqual(await bench.fleet.rois('pi-1-cam'), { version: 0, rois: [] });
    assert.deepEqual(await bench.fleet.detectionPlan('pi-1-cam'), {
      camera: 'pi-1-cam',
      roiVersion: 0,
      rois: [WHOLE_PICTURE],
      thresholds: { frame: { value: 0.08, source: 'default' } },
      minFrames: { value: 2, source: 'default' },
      endTimeoutMs: { value: 3000, source: 'default' },
    });
  });

  it('are kept as drawn, with a version that rises', async () => {
    const { fleet } = bench;
    const rois = [roi('L', { threshold: 0.2 }), roi('R', { kind: 'inventory' })];
    assert.deepEqual(await fleet.putRois('pi-1-cam', { rois }, ANNA), { version: 1, rois });
    assert.deepEqual(await fleet.putRois('pi-1-cam', { version: 1, rois: [] }, ANNA), { version: 2, rois: [] });
    assert.deepEqual(await fleet.rois('pi-1-cam'), { version: 2, rois: [] });
    assert.deepEqual((await auditOf(db)).slice(1), ['camera.rois camera/pi-1-cam', 'camera.rois camera/pi-1-cam']);
  });

  it('refuse a change that was made on an older version, and name the one in force', async () => {
    await bench.fleet.putRois('pi-1-cam', { rois: [roi('L')] }, ANNA);
    for (const version of [0, 2])
      await assert.rejects(bench.fleet.putRois('pi-1-cam', { version, rois: [] }, ANNA), {
        code: 'rois.version_conflict',
        details: { field: 'version', version: 1 },
      });
    assert.equal((await bench.fleet.rois('pi-1-cam')).rois.length, 1);
  });

  it('let one of two simultaneous changes on the same version win', async () => {
    const put = (name: string) => bench.fleet.putRois('pi-1-cam', { version: 0, rois: [roi(name)] }, ANNA);
    const both = await Promise.allSettled([put('A'), put('B')]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await bench.fleet.rois('pi-1-cam')).version, 1);
  });

  it('refuse what encloses nothing, crosses itself or is named twice, with the field', async () => {
    const bowTie: Roi['points'] = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]].filter((point) => point !== undefined);
    const cases: [Roi[], string][] = [
      [[roi('L'), roi('L')], 'rois.1.name'],
      [[roi('L'), roi('R', { points: bowTie })], 'rois.1.points'],
    ];
    for (const [rois, field] of cases)
      await assert.rejects(bench.fleet.putRois('pi-1-cam', { rois }, ANNA), {
        code: 'rois.invalid',
        details: { field },
      });
    assert.equal((await bench.fleet.rois('pi-1-cam')).version, 0);
  });

  it('belong to a camera that is there', async () => {
    for (const tried of [
      () => bench.fleet.rois('nobody'),
      () => bench.fleet.putRois('nobody', { rois: [] }, ANNA),
      () => bench.fleet.detectionPlan('nobody'),
    ])
      await assert.rejects(tried, { code: 'camera.not_found' });
  });

  it('take effect on the next picture', async () => {
    const { fleet } = bench;
    await fleet.detectionPlan('pi-1-cam');
    await fleet.putRois('pi-1-cam', { rois: [roi('L')] }, ANNA);
    assert.equal((await fleet.detectionPlan('pi-1-cam')).roiVersion, 1);
    await fleet.putConfig('pi-1', { interaction_threshold: 0.3 }, ANNA);
    assert.deepEqual((await fleet.detectionPlan('pi-1-cam')).thresholds.L, { value: 0.3, source: 'device' });
  });

  it('have their thresholds from the ROI, the device, the contract, in this order', async () => {
    const { fleet } = bench;
    await fleet.putRois(
      'pi-1-cam',
      { rois: [roi('own', { threshold: 0 }), roi('plain'), roi('hidden', { kind: 'ignore' })] },
      ANNA,
    );
    const value = { interaction_threshold: 0.08, interaction_min_frames: 5, interaction_end_timeout_s: 1.5 };
    await fleet.putConfig('pi-1', value, ANNA);
    const plan = await fleet.detectionPlan('pi-1-cam');
    assert.deepEqual(plan.thresholds, {
      own: { value: 0, source: 'roi' },
      plain: { value: 0.08, source: 'device' },
    });
    assert.deepEqual(plan.minFrames, { value: 5, source: 'device' });
    assert.deepEqual(plan.endTimeoutMs, { value: 1500, source: 'device' });
    assert.equal(plan.rois.length, 3);
  });

  it('are those of pictures that came before their camera was deleted, too', async () => {
    await bench.fleet.putRois('pi-1-cam', { rois: [roi('own')] }, ANNA);
    await bench.fleet.deleteCamera('pi-1-cam', ANNA);
    assert.deepEqual(Object.keys((await bench.fleet.detectionPlan('pi-1-cam')).thresholds), ['own']);
    await assert.rejects(bench.fleet.rois('pi-1-cam'), { code: 'camera.not_found' });
  });

  it('compare the whole picture where there are only areas to ignore', async () => {
    const hidden = roi('hidden', { kind: 'ignore' });
    await bench.fleet.putRois('pi-1-cam', { rois: [hidden] }, ANNA);
    const plan = await bench.fleet.detectionPlan('pi-1-cam');
    assert.deepEqual(plan.rois, [hidden, WHOLE_PICTURE]);
    assert.deepEqual(Object.keys(plan.thresholds), ['frame']);
  });
});
