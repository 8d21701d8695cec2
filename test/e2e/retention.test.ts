import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventRecord } from '../../runtime/contracts/events.ts';
import type { RetentionReport, RetentionStatus } from '../../runtime/contracts/retention.ts';
import type { Db } from '../../runtime/db/db.ts';
import { openPostgres } from '../../runtime/db/postgres.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { shelfRois } from '../../runtime/media/sim/shelf-timetable.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { EdgeUnderTest, jobsSettle, ServerUnderTest } from '../support/servers.ts';

const DEVICE = 'shelf-pi';
const CAMERA = `${DEVICE}-cam`;

describe('S4.28 retention removes old event images and stale staging', function () {
  this.timeout(150_000);
  let server: ServerUnderTest;
  let db: Db;
  let events: EventRecord[];

  before(async () => {
    const url = (await startPostgres()).url();
    server = await ServerUnderTest.start({ DATABASE_URL: url });
    db = await openPostgres({ url, log: silentLog, clock: systemClock });
    const device = await server.device(DEVICE);
    await server.api.put(`/devices/${DEVICE}/config`, { capture_interval_s: 0.5, interaction_end_timeout_s: 1 });
    await server.api.put(`/cameras/${CAMERA}/rois`, { rois: shelfRois });
    const edge = await EdgeUnderTest.start(server, device, 'sim:shelf');
    events = await server.program.while(
      'two interactions have ended',
      async () => {
        const closed = (await server.api.events('interaction_detected')).filter(({ state }) => state === 'closed');
        return closed.length >= 2 && closed;
      },
      90_000,
    );
    await edge.end();
    await jobsSettle(server.api);
  });

  after(async () => {
    await db?.close();
    await server?.end();
  });

  const run = (dryRun: boolean) => server.api.post<RetentionReport>('/retention/run', { dry_run: dryRun });
  /** Pictures of an event on disk. */
  const files = async (event: EventRecord) => {
    const day = event.started_at.slice(0, 10);
    const folder = join(server.folder, 'data', 'events', DEVICE, day, event.id);
    return (await readdir(folder).catch(() => [])).length;
  };

  it('touches nothing while all is young', async () => {
    const before = await server.api.captures(DEVICE);
    const { state, deleted } = await run(false);
    assert.equal(state, 'done');
    assert.deepEqual(
      Object.values(deleted).filter((count) => count > 0),
      [],
    );
    assert.equal((await server.api.captures(DEVICE)).length, before.length);
  });

  it('deletes what has become old, as a dry run told before, and keeps young, kept and every event', async () => {
    const [kept, old] = events;
    assert.ok(kept && old);
    const captures = await server.api.captures(DEVICE);
    const stale = captures.slice(0, Math.floor(captures.length / 2));
    await db.query(`update captures set received_at = received_at - interval '25 hours' where id = any($1::uuid[])`, [
      stale.map(({ id }) => id),
    ]);
    await db.query(`update events set created_at = created_at - interval '8 days', keep = (id = $1)`, [kept.id]);

    const told = await run(true);
    assert.equal((await server.api.captures(DEVICE)).length, captures.length);
    const { state, deleted, started_at } = await run(false);
    assert.equal(state, 'done');
    assert.deepEqual(deleted, told.deleted);
    assert.equal(deleted.captures, stale.length);
    assert.deepEqual(
      (await server.api.captures(DEVICE)).map(({ id }) => id),
      captures.slice(stale.length).map(({ id }) => id),
    );
    for (const { image } of captures.slice(-3)) await server.api.picture(image);

    const after = new Map((await server.api.events('interaction_detected')).map((event) => [event.id, event]));
    assert.ok(
      events.every(({ id }) => after.has(id)),
      'every event is still there',
    );
    assert.deepEqual(after.get(old.id)?.images, {});
    assert.equal(after.get(old.id)?.details.images_deleted_at, started_at);
    assert.equal(await files(old), 0);
    assert.deepEqual(after.get(kept.id)?.images, kept.images);
    assert.equal(await files(kept), 4);
    await server.api.picture(kept.images.during ?? '');
  });

  it('tells what it did and what is kept', async () => {
    const { last_run, usage } = await server.api.get<RetentionStatus>('/retention');
    assert.ok(last_run && last_run.deleted.captures > 0);
    assert.equal(last_run.asked_by, 'user:admin');
    assert.deepEqual(
      usage.kept.map(({ event }) => event),
      [events[0]?.id],
    );
    assert.ok(usage.kept_bytes > 0 && usage.segments_bytes > 0 && usage.free_bytes > 0);
  });
});
