import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { segmentDisk } from '../../../runtime/frames/segment-files.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { bytesOf, crcOf, incoming, openFrames, shaky, tables } from '../../support/intake-fixture.ts';
import { until } from '../../support/until.ts';

const failsWith = (code: string) => (error: unknown) => error instanceof AppError && error.code === code;

/** A disk whose syncs wait until they are let go, and are counted. */
function heldDisk() {
  const state = { held: false, syncs: 0, full: false };
  const waiting: (() => void)[] = [];
  return {
    state,
    release() {
      state.held = false;
      for (const go of waiting.splice(0)) go();
    },
    disk: {
      ...segmentDisk,
      async create(folder: string, segment: number) {
        const file = await segmentDisk.create(folder, segment);
        return {
          ...file,
          async write(buffers: Buffer[], position: number) {
            if (state.full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
            await file.write(buffers, position);
          },
          async datasync() {
            state.syncs += 1;
            if (state.held) await new Promise<void>((resolve) => waiting.push(resolve));
            await file.datasync();
          },
        };
      },
    },
  };
}

describeOnBothDatabases('frame intake', (database) => {
  let db: Db;
  let folder: string;
  let parts: Awaited<ReturnType<typeof openFrames>>;

  beforeEach(async () => {
    db = await database.open();
    folder = await temporaryFolder('intake');
    parts = await openFrames(db, folder);
  });

  afterEach(async () => {
    await parts.stop();
  });

  async function reopen(options: Parameters<typeof openFrames>[2] & { db?: Db } = {}) {
    await parts.stop();
    parts = await openFrames(options.db ?? db, folder, options);
  }

  it('answers with the id of a row whose bytes can be read, makes a job, and wakes the lane', async () => {
    const heard: string[] = [];
    const end = await db.listen('redeye_jobs', (camera) => heard.push(camera));
    const frame = incoming(7, { meta: { rssi: -61, battery_mv: 3900, fw_version: '1.2', notes: 'grüße "x" \\ {y}' } });
    frame.capturedAt = Date.now() - 1000;
    const answer = await parts.frames.accept(frame);
    assert.equal(answer.outcome, 'stored');
    const { frame: stored, jpeg } = await parts.frames.read(answer.frameId);
    assert.ok(jpeg.equals(frame.jpeg));
    assert.deepEqual(parts.told, [stored]);
    assert.deepEqual([stored.seq, stored.capturedAt, stored.jpegQuality], [7, frame.capturedAt, 80]);
    const all = await tables(db);
    assert.deepEqual(all.captures, [
      { id: answer.frameId, device_id: 'pi', seq: 7, size: 4000, crc32: crcOf(frame.jpeg) },
    ]);
    assert.deepEqual(all.jobs, [{ capture_id: answer.frameId, camera_id: 'pi-cam', seq: 7, state: 'queued' }]);
    assert.deepEqual(all.lanes, [{ camera_id: 'pi-cam', enqueued: 1 }]);
    assert.deepEqual(all.devices, [{ id: 'pi', last_seq: 7 }]);
    const { rows } = await db.query<{ rssi: number; fw_version: string; last_frame_at: Date; last_seen_at: Date }>(
      'select rssi, fw_version, last_frame_at, last_seen_at from devices',
    );
    assert.deepEqual([rows[0]?.rssi, rows[0]?.fw_version], [-61, '1.2']);
    assert.equal(rows[0]?.last_frame_at.getTime(), stored.receivedAt);
    assert.equal(rows[0]?.last_seen_at.getTime(), stored.receivedAt);
    await until('the lane is woken', () => heard.includes('pi-cam'));
    await end();
  });

  it('wakes the lanes of a batch by one message', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk });
    const heard: string[] = [];
    const end = await db.listen('redeye_jobs', (cameras) => heard.push(cameras));
    held.state.held = true;
    const first = parts.frames.accept(incoming(0));
    await until('the first sync has begun', () => held.state.syncs === 1);
    const devices = ['one', 'two', 'three'];
    const others = devices.map((device) => parts.frames.accept(incoming(0, { device })));
    held.release();
    await Promise.all([first, ...others]);
    await until('both batches are told of', () => heard.length === 2);
    assert.deepEqual([heard[0], heard[1]?.split(' ').sort()], ['pi-cam', ['one-cam', 'three-cam', 'two-cam']]);
    await end();
  });

  it('wakes all lanes where a message cannot name them', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk, limits: { batchFrames: 130 } });
    const heard: string[] = [];
    const end = await db.listen('redeye_jobs', (cameras) => heard.push(cameras));
    held.state.held = true;
    const first = parts.frames.accept(incoming(0));
    await until('the first sync has begun', () => held.state.syncs === 1);
    const cameras = Array.from({ length: 130 }, (_, n) => `${'c'.repeat(60)}${n}`);
    const others = cameras.map((camera, n) => parts.frames.accept(incoming(n + 1, { camera })));
    held.release();
    await Promise.all([first, ...others]);
    await until('both batches are told of', () => heard.length === 2);
    assert.deepEqual(heard, ['pi-cam', '']);
    await end();
  });

  it('syncs once for all that came while the last batch was being made durable', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk });
    held.state.held = true;
    const first = parts.frames.accept(incoming(0));
    await until('the first sync has begun', () => held.state.syncs === 1);
    const others = Array.from({ length: 50 }, (_, index) => parts.frames.accept(incoming(50 - index)));
    held.release();
    await Promise.all([first, ...others]);
    assert.equal(held.state.syncs, 2);
    const all = await tables(db);
    assert.deepEqual(
      all.jobs.map((job) => job.seq),
      Array.from({ length: 51 }, (_, seq) => seq),
    );
    assert.deepEqual(all.lanes, [{ camera_id: 'pi-cam', enqueued: 51 }]);
    assert.equal(parts.told.length, 51);
  });

  it('does not answer before the bytes are synced and the row is committed', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk });
    held.state.held = true;
    let answered = false;
    const answer = parts.frames.accept(incoming(0)).then(() => {
      answered = true;
    });
    await until('the sync has begun', () => held.state.syncs === 1);
    assert.deepEqual((await tables(db)).captures, []);
    assert.equal(answered, false);
    held.release();
    await answer;
    assert.equal((await tables(db)).captures.length, 1);
  });

  it('takes the same bytes again as the first frame, and says so', async () => {
    const first = await parts.frames.accept(incoming(3));
    const again = await Promise.all(Array.from({ length: 10 }, () => parts.frames.accept(incoming(3))));
    await reopen();
    again.push(await parts.frames.accept(incoming(3)));
    assert.equal(first.outcome, 'stored');
    for (const answer of again) assert.deepEqual(answer, { ...first, outcome: 'duplicate' });
    const all = await tables(db);
    assert.deepEqual([all.captures.length, all.jobs.length, all.lanes[0]?.enqueued], [1, 1, 1]);
  });

  it('refuses other bytes under a known key with the last seq, and leaves the first as it was', async () => {
    const first = await parts.frames.accept(incoming(3));
    await parts.frames.accept(incoming(9));
    assert.equal(first.outcome, 'stored');
    const expected = { outcome: 'conflict', frameId: first.frameId, lastSeq: 9 };
    const size = await readSize(folder);
    assert.deepEqual(await parts.frames.accept(incoming(3, { jpeg: bytesOf('other') })), expected);
    assert.deepEqual(await parts.frames.accept(incoming(3, { jpeg: bytesOf('pi 3', 3999) })), expected);
    assert.equal(await readSize(folder), size, 'a refused frame costs no disk');
    assert.ok((await parts.frames.image(first.frameId)).equals(bytesOf('pi 3')));
    assert.equal((await tables(db)).captures.length, 2);
  });

  it('makes one frame of the same key twice in one batch', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk });
    held.state.held = true;
    const before = parts.frames.accept(incoming(0));
    await until('the first sync has begun', () => held.state.syncs === 1);
    const answers = Promise.all([
      parts.frames.accept(incoming(5)),
      parts.frames.accept(incoming(5)),
      parts.frames.accept(incoming(5, { jpeg: bytesOf('other') })),
      parts.frames.accept(incoming(5, { device: 'second' })),
    ]);
    held.release();
    await before;
    const [first, same, other, elsewhere] = await answers;
    assert.equal(first.outcome, 'stored');
    assert.deepEqual(same, { ...first, outcome: 'duplicate' });
    assert.deepEqual(other, { outcome: 'conflict', frameId: first.frameId, lastSeq: 5 });
    assert.equal(elsewhere.outcome, 'stored');
    assert.equal((await tables(db)).captures.length, 3);
    assert.equal(parts.told.length, 3);
  });

  it('lets one of two servers have a key, and tells the other one it is a duplicate', async () => {
    const elsewhere = await openFrames(db, await temporaryFolder('intake'), { nodeId: 'node-b' });
    for (let round = 0; round < 5; round += 1) {
      const seqs = Array.from({ length: 20 }, (_, index) => round * 20 + index);
      const answers = await Promise.all([
        ...seqs.map((seq) => parts.frames.accept(incoming(seq))),
        ...[...seqs].reverse().map((seq) => elsewhere.frames.accept(incoming(seq))),
      ]);
      for (const seq of seqs) {
        const pair = [answers[seq - round * 20], answers[20 + 19 - (seq - round * 20)]];
        assert.deepEqual(pair.map((answer) => answer?.outcome).sort(), ['duplicate', 'stored']);
        assert.equal(pair[0]?.frameId, pair[1]?.frameId);
      }
    }
    const all = await tables(db);
    assert.deepEqual([all.captures.length, all.jobs.length, all.lanes[0]?.enqueued], [100, 100, 100]);
    assert.equal(parts.told.length + elsewhere.told.length, 100);
    await elsewhere.stop();
  });

  it('tells whoever is attached what concerns them, and survives one that throws', async () => {
    await reopen({ attach: false });
    const told: string[] = [];
    parts.intake.attach({
      analyse: false,
      onFrame: () => {
        throw new Error('a bad flow');
      },
    });
    const release = parts.intake.attach({
      camera: 'b-cam',
      analyse: true,
      onFrame: (frame) => told.push(frame.camera),
    });
    await parts.frames.accept(incoming(1, { device: 'a' }));
    await parts.frames.accept(incoming(1, { device: 'b' }));
    release();
    release();
    await parts.frames.accept(incoming(2, { device: 'b' }));
    assert.deepEqual(told, ['b-cam']);
    const all = await tables(db);
    assert.deepEqual(
      all.jobs.map((job) => [job.camera_id, job.seq]),
      [['b-cam', 1]],
    );
    assert.equal(all.captures.length, 3);
  });

  it('takes nothing while no flow wants it, or while it is stopped', async () => {
    await reopen({ attach: false });
    await assert.rejects(parts.frames.accept(incoming(1)), failsWith('ingest.no_flow'));
    assert.match(parts.frames.trouble() ?? '', /no flow/);
    const release = parts.intake.attach({ camera: 'else', analyse: true, onFrame() {} });
    await assert.rejects(parts.frames.accept(incoming(1)), failsWith('ingest.no_flow'));
    release();
    parts.intake.attach({ analyse: true, onFrame() {} });
    assert.equal(parts.frames.trouble(), undefined);
    const last = parts.frames.accept(incoming(1));
    await parts.intake.stop();
    assert.equal((await last).outcome, 'stored');
    await assert.rejects(parts.frames.accept(incoming(2)), failsWith('ingest.busy'));
  });

  it('says it is busy when too many frames or bytes wait, and goes on afterwards', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk, limits: { queueFrames: 3, queueBytes: 20_000 } });
    held.state.held = true;
    const taken = [parts.frames.accept(incoming(0))];
    await until('the first sync has begun', () => held.state.syncs === 1);
    await assert.rejects(parts.frames.accept(incoming(9, { jpeg: bytesOf('x', 20_001) })), failsWith('ingest.busy'));
    for (const seq of [1, 2, 3]) taken.push(parts.frames.accept(incoming(seq)));
    await assert.rejects(parts.frames.accept(incoming(4)), failsWith('ingest.busy'));
    held.release();
    await Promise.all(taken);
    assert.equal((await parts.frames.accept(incoming(4))).outcome, 'stored');
  });

  it('acknowledges nothing while the disk is full, and recovers by itself', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk });
    held.state.full = true;
    await assert.rejects(parts.frames.accept(incoming(1)), failsWith('disk.full'));
    assert.match(parts.frames.trouble() ?? '', /full/);
    assert.deepEqual((await tables(db)).captures, []);
    held.state.full = false;
    assert.equal((await parts.frames.accept(incoming(1))).outcome, 'stored');
    assert.equal(parts.frames.trouble(), undefined);
  });

  it('answers db.unavailable for the batch, writes no bytes while the database is away, and recovers by itself', async () => {
    const unsteady = shaky(db);
    await reopen({ db: unsteady.db });
    await parts.frames.accept(incoming(0));
    unsteady.fault.down = true;
    await assert.rejects(parts.frames.accept(incoming(1)), failsWith('db.unavailable'));
    const size = await readSize(folder);
    for (let round = 0; round < 5; round += 1) {
      await assert.rejects(parts.frames.accept(incoming(1)), failsWith('db.unavailable'));
    }
    assert.equal(await readSize(folder), size);
    assert.match(parts.frames.trouble() ?? '', /database/);
    unsteady.fault.down = false;
    assert.equal((await parts.frames.accept(incoming(1))).outcome, 'stored');
    assert.equal((await tables(db)).captures.length, 2);
    assert.equal(parts.frames.trouble(), undefined);
  });

  it('finds a frame again whose commit went through although the connection was lost', async () => {
    const unsteady = shaky(db);
    await reopen({ db: unsteady.db });
    unsteady.fault.afterInsert = true;
    await assert.rejects(parts.frames.accept(incoming(1)), failsWith('db.unavailable'));
    unsteady.fault.afterInsert = false;
    assert.equal((await parts.frames.accept(incoming(1))).outcome, 'duplicate');
    const all = await tables(db);
    assert.deepEqual([all.captures.length, all.jobs.length], [1, 1]);
  });

  it('lets one frame that the database refuses cost no other', async () => {
    const held = heldDisk();
    await reopen({ disk: held.disk });
    held.state.held = true;
    const first = parts.frames.accept(incoming(0));
    await until('the first sync has begun', () => held.state.syncs === 1);
    const good = [parts.frames.accept(incoming(1)), parts.frames.accept(incoming(3))];
    const bad = assert.rejects(
      parts.frames.accept(incoming(2, { meta: { notes: 'nul \0 in it' } })),
      failsWith('frame.malformed'),
    );
    held.release();
    await Promise.all([first, ...good, bad]);
    assert.deepEqual(
      (await tables(db)).captures.map((row) => row.seq),
      [0, 1, 3],
    );
    await reopen();
    assert.deepEqual([parts.replay.records, parts.replay.restored], [0, 0]);
  });

  it('never lets last_seq fall', async () => {
    await parts.frames.accept(incoming(10));
    await parts.frames.accept(incoming(4));
    assert.deepEqual((await tables(db)).devices, [{ id: 'pi', last_seq: 10 }]);
  });
});

async function readSize(folder: string): Promise<number> {
  const { stat } = await import('node:fs/promises');
  let sum = 0;
  for (const name of await readdir(folder)) sum += (await stat(`${folder}/${name}`)).size;
  return sum;
}
