import assert from 'node:assert/strict';
import type { RetentionReport } from '../../../runtime/contracts/retention.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { DiskWatch } from '../../../runtime/retention/disk-watch.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { RetentionBench, SEGMENT_BYTES } from '../../support/retention-bench.ts';
import { until } from '../../support/until.ts';

const MINUTE_MS = 60_000;

describe('the watch over the free disk', () => {
  const report = (bytes: number) => ({ deleted: { segment_bytes: bytes, event_image_bytes: 0 }, notes: [] });

  function watch(free: number[], freed: number) {
    const clock = new FakeClock();
    const log = new ListLog();
    const made: number[] = [];
    const disk = new DiskWatch({
      clock,
      log,
      everyMs: MINUTE_MS,
      minFreeBytes: 100,
      freeBytes: async () => free.shift() ?? 1000,
      onLook() {},
      async makeRoom() {
        made.push(clock.monotonicMs());
        return report(freed) as unknown as RetentionReport;
      },
    });
    disk.start();
    return { clock, log, made, disk };
  }

  it('makes room as soon as a minute finds too little, and says so', async () => {
    const { clock, log, made, disk } = watch([200, 50, 150], 100);
    await clock.advance(MINUTE_MS);
    assert.deepEqual(made, []);
    await clock.advance(MINUTE_MS);
    await clock.advance(10 * MINUTE_MS);
    assert.deepEqual(made, [2 * MINUTE_MS]);
    assert.match(log.of('warn').join(), /the disk runs short/);
    assert.deepEqual(log.of('error'), []);
    disk.stop();
    await clock.advance(10 * MINUTE_MS);
  });

  it('pauses for half an hour when deleting does not help', async () => {
    const { clock, log, made, disk } = watch([50, 50, 50, 50], 100);
    await clock.advance(29 * MINUTE_MS);
    assert.equal(made.length, 1);
    assert.match(log.of('error').join(), /does not help/);
    await clock.advance(5 * MINUTE_MS);
    assert.equal(made.length, 2);
    disk.stop();
  });
});

describeOnBothDatabases('retention with a full disk', (database) => {
  let db: Db;

  beforeEach(async () => {
    db = await database.open();
  });

  it('makes room without any flow, by space alone and never by age', async () => {
    const bench = await RetentionBench.open(db, await temporaryFolder('retention-disk'));
    const ids = await bench.addFrames(12, { hours: 1 });
    const old = await bench.addFrames(4, { hours: 30 });
    const segments = await bench.segmentsOf([...ids, ...old]);
    let free = 5000;
    const log = new ListLog();
    const { store } = bench.frames;
    const remove = store.remove.bind(store);
    store.remove = async (segment) => {
      free += SEGMENT_BYTES;
      return remove(segment);
    };
    const retention = await bench.start({ minFreeBytes: 10_000 }, { freeBytes: async () => free, checkMs: 20, log });
    const run = await until('a run', async () => {
      const { last_run } = await retention.status();
      return last_run?.state === 'done' && last_run;
    });
    assert.deepEqual([run.asked_by, run.work, run.deleted.segments], ['disk', 'space', 1]);
    assert.deepEqual(await bench.segments(), segments.slice(1));
    assert.ok((await bench.captures()).includes(old[0] ?? ''), 'age is not its business');
    assert.match(log.of('warn').join(), /without waiting for a flow/);
    assert.deepEqual(await bench.faults(), []);
    await bench.close();
  });
});
