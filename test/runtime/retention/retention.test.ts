import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import { deleteRetentionRule, listRetentionRules, putRetentionRule } from '../../../runtime/db/retention-rules.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { incoming } from '../../support/intake-fixture.ts';
import { FRAME_BYTES, IMAGE_BYTES, RetentionBench, SEGMENT_BYTES } from '../../support/retention-bench.ts';
import { until } from '../../support/until.ts';

describeOnBothDatabases('retention', (database) => {
  let db: Db;
  let bench: RetentionBench;

  beforeEach(async () => {
    db = await database.open();
    bench = await RetentionBench.open(db, await temporaryFolder('retention'));
  });
  afterEach(() => bench.close());

  it('deletes frames a day after their receipt, bytes and all, and no younger one', async () => {
    await bench.addFrames(40, { hours: 0 });
    const old = await bench.addFrames(8, { hours: 25 });
    const young = await bench.addFrames(8, { hours: 23 });
    const gone = await bench.segmentsOf(old);
    const { state, deleted } = await bench.run('space');
    assert.equal(state, 'done');
    assert.equal(deleted.captures, 8);
    const left = await bench.captures();
    assert.equal(left.length, 48);
    assert.ok(young.every((id) => left.includes(id)) && !old.some((id) => left.includes(id)));
    const segments = await bench.segments();
    const shared = await bench.segmentsOf(left);
    assert.deepEqual(
      gone.filter((segment) => segments.includes(segment) && !shared.includes(segment)),
      [],
    );
    assert.equal(deleted.segments, gone.filter((segment) => !shared.includes(segment)).length);
    assert.ok(deleted.segments >= 1);
    assert.deepEqual(await bench.faults(), []);
  });

  it("deletes pictures of events after a week; the events stay and say since when, kept ones' pictures stay", async () => {
    for (let more = 0; more < 8; more += 1) await bench.addEvent({ days: 1 });
    const old = await bench.addEvent({ days: 8 });
    const kept = await bench.addEvent({ days: 80, keep: true });
    const open = await bench.addEvent({ days: 8, state: 'open' });
    const report = await bench.run('all');
    assert.equal(report.state, 'done');
    assert.deepEqual([report.deleted.events, report.deleted.event_images], [1, 4]);
    assert.equal(report.deleted.event_image_bytes, 4 * IMAGE_BYTES);
    const left = await bench.eventsWithImages();
    assert.ok(left.includes(kept) && left.includes(open) && !left.includes(old));
    assert.equal(left.length, 10);
    const { rows } = await db.query<{ details: Record<string, unknown> }>('select details from events where id = $1', [
      old,
    ]);
    assert.deepEqual(rows[0]?.details, { flow: 'f', images_deleted_at: report.started_at });
    assert.deepEqual(await bench.faults(), []);
    const status = await (await bench.start()).status();
    assert.deepEqual(status.usage.kept, [{ event: kept, bytes: 4 * IMAGE_BYTES }]);
    assert.equal(status.last_run?.deleted.events, 1);
  });

  it('leaves pictures of events alone when only room is asked for', async () => {
    const old = await bench.addEvent({ days: 8 });
    await bench.run('space');
    assert.deepEqual(await bench.eventsWithImages(), [old]);
  });

  it('never deletes a picture on request, however old and full everything is, and lists it with its size', async () => {
    const row = `insert into images (camera_id, device_id, filename, path, captured_at, width, height, size, sha256, created_at, updated_at)
      values ('gate', 'server', $1, $1, '2001-01-01', 64, 48, $2, '\\x00', '2001-01-01', '2001-01-01')`;
    for (const [name, size] of [
      ['small.jpg', 500],
      ['large.jpg', 900_000_000],
    ] as const)
      await db.query(row, [name, size]);
    const retention = await bench.start({ maxBytes: 1, minFreeBytes: 1e12 }, { freeBytes: async () => 0 });
    await bench.run('all');
    const { kept, kept_bytes } = (await retention.status()).usage;
    assert.deepEqual(kept, [
      { image: 2, bytes: 900_000_000 },
      { image: 1, bytes: 500 },
    ]);
    assert.equal(kept_bytes, 900_000_500);
  });

  it('never deletes a kept frame, nor its segment, and lists it', async () => {
    const [kept = ''] = await bench.addFrames(1, { hours: 999, kept: true });
    await bench.addFrames(8, { hours: 0 });
    const retention = await bench.start({ maxBytes: 1, minFreeBytes: 1e12 }, { freeBytes: async () => 0 });
    await bench.run('all');
    assert.ok((await bench.captures()).includes(kept));
    assert.deepEqual((await retention.status()).usage.kept, [{ capture: kept, bytes: FRAME_BYTES }]);
    assert.deepEqual(await bench.faults(), []);
  });

  it('keeps frames whose analysis is not done up to a cap, then lets the oldest go and says so', async () => {
    await bench.addFrames(60, { hours: 0 });
    const waiting = [
      ...(await bench.addFrames(2, { hours: 40, state: 'queued' })),
      ...(await bench.addFrames(2, { hours: 30, state: 'failed' })),
    ];
    await bench.addFrames(4, { hours: 30, state: 'dead' });
    const report = await bench.run('space');
    assert.equal(report.deleted.captures, 4, 'given up ones go');
    assert.equal(report.unfinished.bytes, 4 * FRAME_BYTES);
    assert.equal(report.unfinished.deleted_captures, 0);
    await bench.start({ unfinishedBytes: 3 * FRAME_BYTES });
    const second = await bench.run('space');
    assert.equal(second.unfinished.deleted_captures, 1);
    assert.match(second.notes.join(), /1 frames went unanalysed/);
    const left = await bench.captures();
    assert.deepEqual(
      waiting.map((id) => left.includes(id)),
      [false, true, true, true],
    );
    assert.deepEqual(await bench.faults(), []);
  });

  it("shortens a camera's frames and changes its pictures' days by its own rule", async () => {
    await bench.addFrames(30, { hours: 0 });
    const theirs = await bench.addFrames(4, { hours: 3, device: 'till' });
    const ours = await bench.addFrames(4, { hours: 3 });
    for (let more = 0; more < 10; more += 1) await bench.addEvent();
    const shelf = await bench.addEvent({ days: 8, camera: 'shelf' });
    const till = await bench.addEvent({ days: 8, camera: 'till-cam' });
    await putRetentionRule(db, { camera: 'till-cam', stagingHours: 2 });
    await putRetentionRule(db, { camera: 'shelf', stagingHours: 999, eventImagesDays: 30 });
    assert.equal((await bench.run('all')).state, 'done');
    const left = await bench.captures();
    assert.ok(ours.every((id) => left.includes(id)) && !theirs.some((id) => left.includes(id)));
    const events = await bench.eventsWithImages();
    assert.ok(events.includes(shelf) && !events.includes(till));
    await deleteRetentionRule(db, 'shelf');
    assert.deepEqual(await listRetentionRules(db), [
      { camera: 'till-cam', stagingHours: 2, eventImagesDays: undefined, maxMb: undefined },
    ]);
    assert.deepEqual(await bench.faults(), []);
  });

  it('brings a camera below its own size, the oldest frames first, and no other camera', async () => {
    const oldest = await bench.addFrames(5, { hours: 5, device: 'till' });
    const newest = await bench.addFrames(5, { hours: 1, device: 'till' });
    const others = await bench.addFrames(5, { hours: 6 });
    await putRetentionRule(db, { camera: 'till-cam', maxMb: (5 * FRAME_BYTES) / 1e6 });
    await bench.run('space');
    const left = await bench.captures();
    assert.ok(!oldest.some((id) => left.includes(id)));
    assert.ok([...newest, ...others].every((id) => left.includes(id)));
  });

  it('brings the site below its size: the oldest segments first, never the one being written, then the oldest pictures', async () => {
    const ids = await bench.addFrames(40, { hours: 1 });
    const events = [];
    for (const days of [6, 5, 4]) events.push(await bench.addEvent({ days }));
    const segments = await bench.segmentsOf(ids);
    await bench.start({ maxBytes: 5 * SEGMENT_BYTES });
    const { deleted } = await bench.run('space');
    assert.ok(deleted.segments > 0 && deleted.events === 0);
    assert.deepEqual(await bench.segments(), segments.slice(deleted.segments));
    const usage = (await (await bench.start()).status()).usage;
    const used = usage.segments_bytes + usage.event_images_bytes;
    assert.ok(used <= 5 * SEGMENT_BYTES && used > 3 * SEGMENT_BYTES, `${used} bytes`);
    assert.deepEqual(await bench.faults(), []);

    await bench.start({ maxBytes: SEGMENT_BYTES + 4 * IMAGE_BYTES });
    await bench.run('space');
    assert.deepEqual(await bench.segments(), segments.slice(-1));
    assert.deepEqual(await bench.eventsWithImages(), events.slice(-1));
    assert.deepEqual(await bench.faults(), []);
  });

  it('makes room on the disk, oldest first and no more than is missing', async () => {
    const ids = await bench.addFrames(40, { hours: 1 });
    const segments = await bench.segmentsOf(ids);
    let free = 100_000;
    const store = bench.frames.store;
    const remove = store.remove.bind(store);
    store.remove = async (segment) => {
      const size = (await store.segments()).find((info) => info.segment === segment)?.size ?? 0;
      free += size;
      return remove(segment);
    };
    await bench.start({ minFreeBytes: 100_000 + SEGMENT_BYTES }, { freeBytes: async () => free });
    const { deleted } = await bench.run('space');
    assert.equal(deleted.segments, 2);
    assert.deepEqual(await bench.segments(), segments.slice(2));
    assert.deepEqual(await bench.faults(), []);
  });

  it('sweeps files without a row after an hour, with the folders they leave, and nothing younger', async () => {
    const event = await bench.addEvent({ days: 1 });
    await bench.writeFile('events/pi/2026-01-01/rolled-back/pre.jpg', 2);
    await bench.writeFile('events/pi/2026-01-01/rolled-back/.pre.jpg.0123456789ab.tmp', 2);
    await bench.writeFile('events/pi/2026-01-01/under-way/pre.jpg', 0.5);
    const { deleted } = await bench.run('all');
    assert.deepEqual([deleted.orphans, deleted.orphan_bytes], [2, 2 * IMAGE_BYTES]);
    assert.ok(bench.exists('events/pi/2026-01-01/under-way/pre.jpg'));
    assert.deepEqual(await bench.eventsWithImages(), [event]);
    assert.deepEqual(await bench.faults(), ['events/pi/2026-01-01/under-way/pre.jpg has no row']);
  });

  it('sweeps ended logins and jobs that were given up a month ago', async () => {
    await db.query(`insert into users (name, role, password_hash) values ('anna', 'admin', '')`);
    await db.query(
      `insert into refresh_tokens (hash, family, user_id, expires_at)
       select decode(h, 'hex'), gen_random_uuid(), id, now() + until::interval
         from users, (values ('01', '-1 hour'), ('02', '1 hour')) as t(h, until)`,
    );
    await bench.addFrames(1, { hours: 31 * 24, state: 'dead', kept: true });
    await bench.addFrames(1, { hours: 29 * 24, state: 'dead', kept: true });
    const { deleted } = await bench.run('all');
    assert.deepEqual([deleted.tokens, deleted.jobs], [1, 1]);
  });

  it('tells the same in a dry run, and touches nothing', async () => {
    await bench.addFrames(8, { hours: 30 });
    await bench.addFrames(4, { hours: 30, state: 'queued' });
    await bench.addFrames(24, { hours: 2 });
    await bench.addFrames(6, { hours: 2, device: 'till' });
    for (const days of [9, 8, 3, 2, 1, 1]) await bench.addEvent({ days });
    await bench.addEvent({ days: 30, keep: true });
    await bench.writeFile('events/pi/2026-01-01/rolled-back/pre.jpg', 2);
    await putRetentionRule(db, { camera: 'till-cam', maxMb: (3 * FRAME_BYTES) / 1e6 });
    for (const work of ['space', 'all'] as const) {
      for (const limits of [{}, { maxBytes: 4 * SEGMENT_BYTES }, { maxBytes: SEGMENT_BYTES, unfinishedBytes: 0 }]) {
        await bench.start({ ...limits, shareInDoubt: 0.9 });
        const before = await bench.everything();
        const dry = await bench.run(work, true);
        assert.deepEqual(await bench.everything(), before);
        const real = await bench.run(work);
        assert.deepEqual(dry.deleted, real.deleted);
        assert.deepEqual(dry.unfinished, real.unfinished);
        assert.deepEqual(dry.notes, real.notes);
        assert.equal(dry.state, real.state);
      }
    }
    assert.deepEqual(await bench.faults(), []);
  });

  it('runs once at a time', async () => {
    const retention = await bench.start();
    const first = bench.run();
    await assert.rejects(retention.host.run({ dryRun: true, work: 'all' }), { code: 'retention.running' });
    assert.equal((await first).state, 'done');
    await retention.host.run({ dryRun: true, work: 'all' });
  });

  it('loses nothing that is accepted meanwhile and is not old', async () => {
    const old = await bench.addFrames(60, { hours: 30 });
    await bench.start({ shareInDoubt: 1, maxBytes: 40 * SEGMENT_BYTES });
    const accepted: string[] = [];
    let seq = 100_000;
    const runs = { left: 6 };
    const deleting = (async () => {
      for (; runs.left > 0; runs.left -= 1) await bench.run('all');
    })();
    while (runs.left > 0) {
      seq += 1;
      const jpeg = Buffer.alloc(FRAME_BYTES, `pi ${seq}|`);
      accepted.push((await bench.frames.frames.accept(incoming(seq, { jpeg }))).frameId);
    }
    await deleting;
    const left = await bench.captures();
    assert.ok(accepted.length > 0);
    assert.deepEqual(left, accepted);
    assert.ok(!old.some((id) => left.includes(id)));
    await until('the runs are over', () => runs.left === 0);
    assert.deepEqual(await bench.faults(), []);
  });

  it('stops in the middle when the server stops, and goes on at the next run', async () => {
    await bench.addFrames(12, { hours: 30 });
    const retention = await bench.start({ shareInDoubt: 1 });
    const run = bench.run();
    await retention.stop();
    assert.equal((await run).state, 'interrupted');
    await bench.start({ shareInDoubt: 1 });
    assert.equal((await bench.run()).state, 'done');
    assert.deepEqual(await bench.captures(), []);
  });
});
