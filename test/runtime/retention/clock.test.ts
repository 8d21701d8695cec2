import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { RetentionBench } from '../../support/retention-bench.ts';

const HOUR_MS = 3_600_000;
const MONTH_MS = 30 * 24 * HOUR_MS;

describeOnBothDatabases('retention and wrong clocks', (database) => {
  let db: Db;
  let bench: RetentionBench;

  beforeEach(async () => {
    db = await database.open();
    bench = await RetentionBench.open(db, await temporaryFolder('retention-clock'));
  });
  afterEach(() => bench.close());

  it('delete a fifth at most after a jump of a month, halt, say so, and stop when the clock is right again', async () => {
    await bench.addFrames(40, { hours: 1 });
    for (let added = 0; added < 10; added += 1) await bench.addEvent({ days: 1 });
    const log = new ListLog();
    await bench.start({}, { log });
    assert.equal((await bench.run('all')).state, 'done');
    bench.clock.jump(MONTH_MS);
    const report = await bench.run('all');
    assert.equal(report.state, 'halted');
    assert.deepEqual([report.deleted.captures, report.deleted.events], [8, 2]);
    assert.match(report.notes.join('\n'), /frames: halted after 20 % of them, since the clock has jumped;/);
    assert.ok(log.of('error').some((line) => /halted: clocks disagree/.test(line)));
    const second = await bench.run('all');
    assert.equal(second.state, 'halted');
    assert.deepEqual([second.deleted.captures, second.deleted.events], [6, 1]);
    bench.clock.jump(-MONTH_MS);
    const third = await bench.run('all');
    assert.deepEqual([third.state, third.deleted.captures, third.deleted.events], ['done', 0, 0]);
    assert.equal((await bench.captures()).length, 26);
    assert.deepEqual(await bench.faults(), []);
  });

  it('delete nothing by the clock that is ahead, when server and database disagree', async () => {
    await bench.addFrames(12, { hours: 1 });
    await bench.start({}, { db });
    bench.clock.jump(MONTH_MS);
    const report = await bench.run('all');
    assert.equal(report.deleted.captures, 0);
    assert.match(report.notes.join('\n'), /clocks of server and database are 30 days apart/);
  });

  it('delete all that has become old, however much, once time was seen to pass', async () => {
    await bench.addFrames(40, { hours: 1 });
    await bench.start();
    await bench.run('all');
    bench.clock.pass(25 * HOUR_MS);
    const report = await bench.run('all');
    assert.deepEqual([report.state, report.deleted.captures, report.notes], ['done', 40, []]);
  });

  it('delete a fifth at most in the first run of a process, and in one after days without any', async () => {
    await bench.addFrames(20, { hours: 30 });
    const log = new ListLog();
    await bench.start({}, { log });
    const first = await bench.run('all');
    assert.deepEqual([first.state, first.deleted.captures], ['halted', 4]);
    assert.match(first.notes.join('\n'), /no run since the start/);
    assert.deepEqual([log.of('warn').length, log.of('error')], [1, []], 'a pause is no alarm');
    await bench.start({ shareInDoubt: 1 });
    await bench.run('all');
    await bench.addFrames(20, { hours: 1 });
    await bench.start();
    await bench.run('all');
    bench.clock.pass(72 * HOUR_MS);
    const late = await bench.run('all');
    assert.deepEqual([late.state, late.deleted.captures], ['halted', 4]);
    assert.match(late.notes.join('\n'), /the last run was 3 days ago/);
  });

  it('leave new files alone that only look old, for an hour after a jump', async () => {
    await bench.addEvent();
    await bench.start();
    await bench.writeFile('events/pi/2026-01-01/under-way/pre.jpg', 0);
    bench.clock.jump(MONTH_MS);
    const report = await bench.run('all');
    assert.equal(report.deleted.orphans, 0);
    assert.match(report.notes.join('\n'), /files without a row wait/);
    bench.clock.pass(2 * HOUR_MS);
    assert.equal((await bench.run('all')).deleted.orphans, 1);
  });

  it('say that frames are from the future, and keep them', async () => {
    await bench.addFrames(4, { hours: -48 });
    const report = await bench.run('all');
    assert.match(report.notes.join('\n'), /the newest frame came in (48 hours|2 days) after now/);
    assert.equal((await bench.captures()).length, 4);
  });
});
