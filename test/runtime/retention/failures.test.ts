import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { ListLog } from '../../support/list-log.ts';
import { onTheSameClock, RetentionBench, SEGMENT_BYTES } from '../../support/retention-bench.ts';

describeOnBothDatabases('retention on a disk that fails', (database) => {
  let db: Db;
  let bench: RetentionBench;

  beforeEach(async () => {
    db = await database.open();
    bench = await RetentionBench.open(db, await temporaryFolder('retention-failures'));
  });
  afterEach(() => bench.close());

  it('goes on with the next segment where one cannot be deleted, and tries that again at the next run', async () => {
    const ids = await bench.addFrames(20, { hours: 1 });
    const segments = await bench.segmentsOf(ids);
    const { store } = bench.frames;
    const remove = store.remove.bind(store);
    store.remove = async (segment) => {
      if (segment === segments[0]) throw Object.assign(new Error('no'), { code: 'EIO' });
      return remove(segment);
    };
    await bench.start({ maxBytes: 3 * SEGMENT_BYTES });
    const first = await bench.run('space');
    assert.equal(first.state, 'done');
    assert.match(first.notes.join(), /some segments could not be deleted/);
    const left = await bench.segments();
    assert.ok(left.includes(segments[0] ?? 0) && !left.includes(segments[1] ?? 0));
    store.remove = remove;
    const second = await bench.run('space');
    assert.deepEqual([second.deleted.segments, second.deleted.captures], [1, 4]);
    assert.deepEqual(await bench.faults(), []);
  });

  it('keeps the row of a picture that cannot be deleted, deletes the others, and tries again', async () => {
    const events = [await bench.addEvent({ days: 9 }), await bench.addEvent({ days: 8 })];
    const { rows } = await db.query<{ path: string }>(
      `select path from event_images where event_id = $1 and role = 'pre'`,
      [events[0]],
    );
    const stubborn = join(bench.folder, rows[0]?.path ?? '');
    await rm(stubborn);
    await mkdir(join(stubborn, 'in-the-way'), { recursive: true });
    await bench.start({ shareInDoubt: 1 });
    const first = await bench.run('all');
    assert.equal(first.deleted.event_images, 7);
    assert.match(first.notes.join(), /some pictures could not be deleted/);
    assert.deepEqual(await bench.eventsWithImages(), [events[0]]);
    await rm(stubborn, { recursive: true });
    assert.equal((await bench.run('all')).deleted.event_images, 1);
    assert.deepEqual(await bench.eventsWithImages(), []);
  });

  it('deletes no file outside the pictures, whatever a row says', async () => {
    const event = await bench.addEvent({ days: 9 });
    await bench.writeFile('secret', 0);
    for (const [role, path] of [
      ['pre', '../secret'],
      ['during', 'events/../secret'],
      ['post', 'secret'],
    ]) {
      await db.query('update event_images set path = $3 where event_id = $1 and role = $2', [event, role, path]);
    }
    await bench.start({ shareInDoubt: 1 });
    await bench.run('all');
    assert.ok(bench.exists('secret'));
  });

  it('says that it failed when the database is away, and ends its work when that is back', async () => {
    await bench.addFrames(20, { hours: 30 });
    const log = new ListLog();
    const fault = { down: false };
    const shaky: Db = {
      ...onTheSameClock(db, bench.clock),
      async query(text, params) {
        if (fault.down) throw new Error('the connection is gone');
        const result = await db.query(text, params);
        if (text.includes('delete from captures')) fault.down = true;
        return result as never;
      },
    };
    const retention = await bench.start({ shareInDoubt: 1 }, { db: shaky, log });
    await assert.rejects(retention.host.run({ dryRun: false, work: 'all' }), /the connection is gone/);
    assert.match(log.of('error').join(), /retention failed/);
    fault.down = false;
    await bench.start({ shareInDoubt: 1 });
    assert.equal((await bench.run('all')).state, 'done');
    assert.deepEqual(await bench.faults(), []);
  });
});
