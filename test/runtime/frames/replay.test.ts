import assert from 'node:assert/strict';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { bytesOf, incoming, openFrames, shaky, tables } from '../../support/intake-fixture.ts';

const unavailable = (error: unknown) => error instanceof AppError && error.code === 'db.unavailable';

describeOnBothDatabases('replay of segments', (database) => {
  let db: Db;
  let folder: string;
  let parts: Awaited<ReturnType<typeof openFrames>>;

  beforeEach(async () => {
    db = await database.open();
    folder = await temporaryFolder('replay');
    parts = await openFrames(db, folder);
  });

  afterEach(async () => {
    await parts.stop();
  });

  /** Starts again on the same folder; `shakily` over a database that can be made to fail. */
  async function reopen(over: Db = db) {
    await parts.stop();
    parts = await openFrames(over, folder);
  }

  it('finds nothing to do when everything was committed', async () => {
    for (const seq of [0, 1, 2]) await parts.frames.accept(incoming(seq));
    await reopen();
    assert.deepEqual(parts.replay, { records: 0, damaged: 0, torn: 0, restored: 0, superseded: 0, refused: 0 });
  });

  it('puts back the row and job of a frame whose commit never came, and its device may send it again', async () => {
    const unsteady = shaky(db);
    await reopen(unsteady.db);
    unsteady.fault.inserts = true;
    await assert.rejects(parts.frames.accept(incoming(4)), unavailable);
    assert.deepEqual((await tables(db)).captures, []);
    await reopen();
    assert.equal(parts.replay.restored, 1);
    const all = await tables(db);
    assert.deepEqual(
      all.jobs.map((job) => [job.capture_id, job.seq, job.state]),
      [[all.captures[0]?.id, 4, 'queued']],
    );
    const again = await parts.frames.accept(incoming(4));
    assert.deepEqual([again.outcome, again.frameId], ['duplicate', all.captures[0]?.id]);
    assert.ok((await parts.frames.image(again.frameId)).equals(bytesOf('pi 4')));
    assert.equal((await tables(db)).captures.length, 1);
  });

  it('puts everything back into an empty database, with devices, cameras and last_seq', async () => {
    const ids: string[] = [];
    for (const device of ['pi', 'zero']) {
      for (const seq of [0, 1, 2]) ids.push((await parts.frames.accept(incoming(seq, { device }))).frameId);
    }
    const before = await tables(db);
    db = await database.open();
    await parts.stop();
    parts = await openFrames(db, folder);
    assert.deepEqual([parts.replay.records, parts.replay.restored], [6, 6]);
    assert.deepEqual(await tables(db), before);
    for (const id of ids) await parts.frames.image(id);
    const { rows } = await db.query('select id, device_id, name from cameras order by id');
    assert.deepEqual(rows, [
      { id: 'pi-cam', device_id: 'pi', name: 'pi-cam' },
      { id: 'zero-cam', device_id: 'zero', name: 'zero-cam' },
    ]);
    await reopen();
    assert.equal(parts.replay.records, 0);
    assert.deepEqual(await tables(db), before);
  });

  it('never brings back what was deleted before the checkpoint', async () => {
    const first = await parts.frames.accept(incoming(0));
    await parts.frames.accept(incoming(1));
    await db.query('delete from captures where id = $1', [first.frameId]);
    await reopen();
    assert.deepEqual(
      (await tables(db)).captures.map((row) => row.seq),
      [1],
    );
    assert.deepEqual((await tables(db)).devices, [{ id: 'pi', last_seq: 1 }]);
  });

  it('goes on from the checkpoint of a database that was restored from a backup', async () => {
    await parts.frames.accept(incoming(0));
    const { rows: backup } = await db.query<{ segment: number; segment_offset: number }>(
      'select segment, segment_offset from segment_checkpoints',
    );
    const gone = await parts.frames.accept(incoming(1));
    await parts.frames.accept(incoming(2));
    await db.query('delete from captures where seq > 0');
    await db.query('update segment_checkpoints set segment = $1, segment_offset = $2', [
      backup[0]?.segment,
      backup[0]?.segment_offset,
    ]);
    await reopen();
    assert.deepEqual([parts.replay.records, parts.replay.restored], [2, 2]);
    assert.ok((await parts.frames.image(gone.frameId)).equals(bytesOf('pi 1')));
  });

  it('gives the key to the bytes that were acknowledged, not to those that were not', async () => {
    const unsteady = shaky(db);
    await reopen(unsteady.db);
    unsteady.fault.inserts = true;
    await assert.rejects(parts.frames.accept(incoming(4, { jpeg: bytesOf('never acknowledged') })), unavailable);
    unsteady.fault.inserts = false;
    const answer = await parts.frames.accept(incoming(4, { jpeg: bytesOf('acknowledged') }));
    assert.equal(answer.outcome, 'stored');
    // The whole database is lost; in one batch of the replay, and in two.
    db = await database.open();
    await parts.stop();
    parts = await openFrames(db, folder);
    assert.deepEqual([parts.replay.records, parts.replay.restored], [2, 1]);
    assert.ok((await parts.frames.image(answer.frameId)).equals(bytesOf('acknowledged')));
    await db.query('delete from captures');
    await db.query('delete from segment_checkpoints');
    await db.query(
      `insert into captures values ('0198c000-0000-7000-8000-000000000001', 'pi', 'pi-cam', 4, now(), now(), 64, 48, 80,
         4000, 1, 'node-a', 1, 0, '{}')`,
    );
    await reopen();
    assert.equal(parts.replay.superseded, 1);
    assert.ok((await parts.frames.image(answer.frameId)).equals(bytesOf('acknowledged')));
    assert.equal((await tables(db)).captures.length, 1);
  });

  it('never gives a segment a number that rows or the checkpoint still know', async () => {
    await parts.frames.accept(incoming(0));
    await parts.stop();
    await db.query('update segment_checkpoints set segment = 40');
    await db.query('update captures set segment = 41');
    parts = await openFrames(db, folder);
    await parts.frames.accept(incoming(1));
    assert.deepEqual(
      (await parts.store.segments()).map(({ segment }) => segment),
      [1, 42],
    );
  });

  it('counts a record that the database refuses, and goes on', async () => {
    const unsteady = shaky(db);
    await reopen(unsteady.db);
    unsteady.fault.inserts = true;
    const sent = [incoming(1), incoming(2, { meta: { notes: 'nul \0' } }), incoming(3)];
    for (const frame of sent) await assert.rejects(parts.frames.accept(frame), unavailable);
    await reopen();
    // After the first failure each key is looked up before its bytes are written, and here only inserts fail.
    assert.deepEqual([parts.replay.records, parts.replay.restored, parts.replay.refused], [3, 2, 1]);
    await reopen();
    assert.equal(parts.replay.records, 0);
  });

  it('leaves the frames of another server to that server', async () => {
    const elsewhere = await openFrames(db, await temporaryFolder('replay'), { nodeId: 'node-b' });
    const there = await elsewhere.frames.accept(incoming(1, { device: 'far' }));
    await elsewhere.stop();
    await reopen();
    await assert.rejects(
      parts.frames.image(there.frameId),
      (error: unknown) => error instanceof AppError && error.code === 'capture.bytes_gone',
    );
    assert.equal((await tables(db)).captures.length, 1);
  });
});
