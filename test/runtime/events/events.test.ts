import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { StoredFrame } from '../../../runtime/contracts/host.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { createEvents } from '../../../runtime/events/events.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { uuidv7 } from '../../../runtime/lib/ids.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { EventBench, ended, rolesOf, started, WHERE } from '../../support/event-bench.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { plainJpeg } from '../../support/frames-fixture.ts';

const everything = { limit: 50, cameras: null };
const unknown = '01935b00-0000-7000-8000-00000000dead';

describeOnBothDatabases('events', (database) => {
  let db: Db;
  let bench: EventBench;

  beforeEach(async () => {
    db = await database.open();
    bench = new EventBench(db, await temporaryFolder('redeye-events'));
  });
  afterEach(async () => {
    await bench.close();
  });

  const threeFrames = async (): Promise<Record<'pre' | 'during' | 'post', StoredFrame>> => {
    const add = async (colour: string) =>
      bench.shelf.add(db, { jpeg: await plainJpeg(640, 480, colour), width: 640, height: 480, job: false });
    return { pre: await add('#111111'), during: await add('#555555'), post: await add('#999999') };
  };

  const outbox = async () => {
    const { rows } = await db.query<{ key: string; phase: string }>(
      `select key, payload->>'phase' as phase from outbox order by id`,
    );
    return rows.map(({ phase }) => phase);
  };

  it('are there when they start and completed when they end, across a restart', async () => {
    const frames = await threeFrames();
    const start = started({ frames: { pre: frames.pre.id, during: frames.during.id } });
    const before = await bench.events();
    await bench.commit(before, start);
    const open = await before.get(start.event);
    assert.deepEqual(
      { ...open, images: Object.keys(open.images).sort() },
      {
        id: start.event,
        type: 'interaction_detected',
        state: 'open',
        device: 'pi',
        camera: 'pi-cam',
        rois: ['L'],
        started_at: '2026-11-20T23:59:59.500Z',
        ended_at: null,
        stock_changed: null,
        score: 0.41,
        images: ['during', 'pre', 'thumb'],
        details: { captures: start.frames, decision: 'starting', flow: 'analysis' },
        parent: null,
        reviewed: false,
        verdict: null,
        note: null,
        keep: false,
      },
    );
    await before.stop();
    bench.flowsCommit = 'c0ffee';
    const after = await bench.events();
    const end = ended(start, { frames: rolesOf(frames), details: { decision: 'ending', scores: { L: 0.5 } } });
    await bench.commit(after, end);
    const closed = await after.get(start.event);
    assert.deepEqual([closed.state, closed.ended_at], ['closed', '2026-11-21T00:00:01.500Z']);
    assert.deepEqual([closed.stock_changed, closed.score], [true, 0.5]);
    assert.deepEqual(closed.details, {
      captures: end.frames,
      decision: 'ending',
      scores: { L: 0.5 },
      flow: 'analysis',
      commit: 'c0ffee',
    });
    assert.equal(closed.images.post, `/api/v1/events/${start.event}/images/post.jpg`);
    assert.deepEqual(await outbox(), ['start', 'end']);
  });

  it('have their pictures as plain files that outlive the segments', async () => {
    const frames = await threeFrames();
    const start = started({ frames: { pre: frames.pre.id, during: frames.during.id } });
    const events = await bench.events();
    await bench.commit(events, start);
    await bench.commit(events, ended(start, { frames: rolesOf(frames) }));
    const folder = join(bench.folder, 'events/pi/2026-11-20', start.event);
    assert.deepEqual((await readdir(folder)).sort(), ['during.jpg', 'post.jpg', 'pre.jpg', 'thumb.jpg']);
    for (const role of ['pre', 'during', 'post'] as const) {
      const { jpeg } = await bench.shelf.read(frames[role].id);
      bench.shelf.lose(frames[role].id);
      assert.deepEqual(await events.image(start.event, role), jpeg);
    }
    const thumb = await sharp(await events.image(start.event, 'thumb')).metadata();
    assert.deepEqual([thumb.width, thumb.height], [320, 240]);
    const { rows } = await db.query(`select role, width, height, capture_id from event_images where role <> 'thumb'
                                      order by role`);
    assert.deepEqual(
      rows,
      (['during', 'post', 'pre'] as const).map((role) => ({
        role,
        width: 640,
        height: 480,
        capture_id: frames[role].id,
      })),
    );
  });

  it('take a better picture at the end, and copy nothing twice', async () => {
    const frames = await threeFrames();
    const start = started({ frames: { pre: frames.pre.id, during: frames.during.id } });
    const events = await bench.events();
    await bench.commit(events, start);
    const prepared = await events.prepareImages([
      ended(start, { frames: { ...start.frames, during: frames.post.id, post: frames.post.id } }),
    ]);
    const roles = prepared.images.get(start.event)?.map(({ role, captureId }) => [role, captureId]);
    assert.deepEqual(roles, [
      ['during', frames.post.id],
      ['post', frames.post.id],
      ['thumb', frames.post.id],
    ]);
  });

  it('leave out a picture whose bytes are gone, and say so', async () => {
    const frames = await threeFrames();
    bench.shelf.lose(frames.during.id);
    const start = started({ frames: { pre: frames.pre.id, during: frames.during.id } });
    const events = await bench.events();
    await bench.commit(events, start);
    const event = await events.get(start.event);
    assert.deepEqual(Object.keys(event.images).sort(), ['pre', 'thumb']);
    assert.deepEqual(event.details.images_missing, { during: `the bytes of frame ${frames.during.id} are gone` });
    await assert.rejects(events.image(start.event, 'during'), { code: 'image.not_found' });
  });

  it('do without a thumbnail where a picture cannot be decoded', async () => {
    const frame = await bench.shelf.add(db, { jpeg: Buffer.from('no picture'), job: false });
    const events = await bench.events();
    const id = await bench.happen(events, { frames: { during: frame.id } });
    const event = await events.get(id);
    assert.deepEqual(Object.keys(event.images), ['during']);
    assert.match(JSON.stringify(event.details.images_missing), /thumb/);
  });

  it('are not prepared while frames cannot be read for a passing reason', async () => {
    const events = createEvents({
      db,
      clock: systemClock,
      log: silentLog,
      folder: bench.folder,
      readFrame: async () => {
        throw new AppError('db.unavailable', 'the database is away');
      },
    });
    await assert.rejects(events.prepareImages([started({ frames: { pre: uuidv7() } })]), { code: 'db.unavailable' });
  });

  it('leave no row and no message when the transaction rolls back', async () => {
    const frames = await threeFrames();
    const start = started({ frames: { pre: frames.pre.id } });
    const events = await bench.events();
    const images = await events.prepareImages([start]);
    const rolledBack = db.tx(async (q) => {
      await events.record(q, WHERE, [start], images);
      throw new Error('the state could not be written');
    });
    await assert.rejects(rolledBack, /could not be written/);
    await assert.rejects(events.get(start.event), { code: 'event.not_found' });
    assert.deepEqual(await outbox(), []);
    assert.deepEqual((await db.query(`select 1 from event_images`)).rows, []);
    await bench.commit(events, start);
    assert.deepEqual(await outbox(), ['start'], 'the next try is whole');
  });

  it('are entered once however often the same phase comes', async () => {
    const start = started();
    const events = await bench.events();
    await bench.commit(events, start);
    await bench.commit(events, start);
    await bench.commit(events, ended(start));
    await bench.commit(events, ended(start, { score: 0.9 }));
    await bench.commit(events, start);
    assert.deepEqual(await outbox(), ['start', 'end']);
    const event = await events.get(start.event);
    assert.deepEqual([event.state, event.score], ['closed', 0.5]);
  });

  it('are entered closed by an end whose start is not known', async () => {
    const end = ended(started());
    const events = await bench.events();
    await bench.commit(events, end);
    const event = await events.get(end.event);
    assert.deepEqual([event.state, event.ended_at], ['closed', '2026-11-21T00:00:01.500Z']);
    assert.deepEqual(await outbox(), ['end']);
  });

  it('carry their parent, and go out in the order they were found', async () => {
    const start = started();
    const events = await bench.events();
    await bench.commit(events, start);
    const stock = ended(started({ type: 'stock_changed', parent: start.event }));
    await bench.commit(events, ended(start), stock);
    assert.equal((await events.get(stock.event)).parent, start.event);
    const { rows } = await db.query(`select key from outbox order by id`);
    assert.deepEqual(rows, [{ key: start.event }, { key: start.event }, { key: stock.event }]);
  });

  it('are listed newest first, page by page, also with one moment shared', async () => {
    const events = await bench.events();
    const ids: string[] = [];
    for (const startedAt of [1000, 2000, 2000, 2000, 3000]) ids.push(await bench.happen(events, { startedAt }));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await events.list({ limit: 2, cameras: null, cursor });
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next ?? undefined;
    } while (cursor);
    const [a = '', b = '', c = '', d = '', e = ''] = ids;
    assert.deepEqual(seen, [e, ...[b, c, d].sort().reverse(), a]);
    await assert.rejects(events.list({ ...everything, cursor: 'x' }), { code: 'request.invalid' });
  });

  it('are filtered by type, place, time, review and what the user may see', async () => {
    const events = await bench.events();
    const first = await bench.happen(events, { startedAt: 1000 });
    const second = started({ startedAt: 2000, type: 'camera_issue' });
    await db.tx((q) =>
      events.record(q, { device: 'q', camera: 'b', flow: 'f' }, [second], { images: new Map(), missing: new Map() }),
    );
    await events.patch(first, { reviewed: true }, { name: 'user:anna' });
    const ids = async (query: object) => (await events.list({ ...everything, ...query })).items.map(({ id }) => id);
    assert.deepEqual(await ids({}), [second.event, first]);
    assert.deepEqual(await ids({ type: 'camera_issue' }), [second.event]);
    assert.deepEqual(await ids({ camera: 'pi-cam' }), [first]);
    assert.deepEqual(await ids({ device: 'q' }), [second.event]);
    assert.deepEqual(await ids({ from: 1000, to: 2000 }), [first]);
    assert.deepEqual(await ids({ reviewed: false }), [second.event]);
    assert.deepEqual(await ids({ cameras: ['b'] }), [second.event]);
    assert.deepEqual(await ids({ cameras: [] }), []);
  });

  it('keep what people wrote on them, also when they end later, and note who wrote', async () => {
    const start = started();
    const events = await bench.events();
    await bench.commit(events, start);
    await events.patch(start.event, { note: 'Anna', verdict: true, keep: true }, { name: 'user:anna', ip: '::1' });
    await bench.commit(events, ended(start));
    const patched = await events.patch(start.event, { reviewed: true, verdict: null }, { name: 'user:bo' });
    assert.deepEqual(
      [patched.note, patched.verdict, patched.keep, patched.reviewed, patched.state],
      ['Anna', null, true, true, 'closed'],
    );
    const cleared = await events.patch(start.event, { note: null }, { name: 'user:bo' });
    assert.deepEqual([cleared.note, cleared.reviewed], [null, true]);
    const { rows } = await db.query(`select actor, action, object, ip, details from audit order by id limit 1`);
    assert.deepEqual(rows, [
      {
        actor: 'user:anna',
        action: 'event.patch',
        object: `event/${start.event}`,
        ip: '::1',
        details: { note: 'Anna', verdict: true, keep: true },
      },
    ]);
  });

  it('that are not there are not found', async () => {
    const events = await bench.events();
    for (const id of [unknown, "x' or 1=1"]) {
      await assert.rejects(events.get(id), { code: 'event.not_found' });
      await assert.rejects(events.patch(id, { keep: true }, { name: 'user:anna' }), { code: 'event.not_found' });
      await assert.rejects(events.image(id, 'pre'), { code: 'image.not_found' });
    }
    assert.deepEqual((await db.query(`select 1 from audit`)).rows, []);
  });

  it('whose file is gone have no such picture; another fault of the disk is told as it is', async () => {
    const frames = await threeFrames();
    const events = await bench.events();
    const id = await bench.happen(events, { frames: rolesOf(frames) });
    const file = join(bench.folder, 'events/pi/2026-11-20', id, 'pre.jpg');
    await rm(file);
    await assert.rejects(events.image(id, 'pre'), { code: 'image.not_found' });
    const folder = join(bench.folder, 'events/pi/2026-11-20', id);
    await rm(folder, { recursive: true });
    await writeFile(folder, 'in the way');
    await assert.rejects(events.image(id, 'during'), { code: 'ENOTDIR' });
    await assert.rejects(readFile(file), { code: 'ENOTDIR' });
  });
});
