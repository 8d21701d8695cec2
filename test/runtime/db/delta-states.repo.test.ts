import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import { loadDeltaState, saveDeltaState } from '../../../runtime/db/delta-states.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { JobBench } from '../../support/job-bench.ts';
import { until } from '../../support/until.ts';

const first = { version: 1, roiVersion: 3, state: Buffer.from([0, 1, 2, 255]), lastCapturedAt: 1_700_000_000_123 };
const second = { ...first, roiVersion: 4, state: Buffer.from('other'), lastCapturedAt: 1_700_000_001_000 };

describeOnBothDatabases('delta states', (database) => {
  let db: Db;

  beforeEach(async () => {
    db = await database.open();
  });

  it('come back as they were saved, one per camera', async () => {
    assert.equal(await loadDeltaState(db, 'a'), undefined);
    await saveDeltaState(db, 'a', first);
    await saveDeltaState(db, 'b', second);
    assert.deepEqual(await loadDeltaState(db, 'a'), first);
    await saveDeltaState(db, 'a', second);
    assert.deepEqual(await loadDeltaState(db, 'a'), second);
  });

  it('are not overwritten by a worker that has lost its lane', async () => {
    const bench = new JobBench(db);
    await bench.shelf.add(db);
    const lost = await bench.queue({ clock: new FakeClock(), leaseMs: 200 });
    const held = bench.collect(lost);
    const old = await until('the job', () => held[0]);
    const heir = await bench.queue({ sweepMs: 30 });
    const taken = bench.collect(heir);
    const { job } = await until('the job at its heir', () => taken[0]);
    assert.equal(await heir.finish(job, (q) => saveDeltaState(q, 'pi-cam', second)), 'done');
    assert.equal(await lost.finish(old.job, (q) => saveDeltaState(q, 'pi-cam', first)), 'gone');
    assert.deepEqual(await loadDeltaState(db, 'pi-cam'), second);
    await bench.close();
  });
});
