import assert from 'node:assert/strict';
import { bumpLane, leaveLane, lockFreeLane, lockOwnLane, takeLane } from '../../../runtime/db/camera-lanes.repo.ts';
import type { Db, Queryable } from '../../../runtime/db/db.ts';
import { takeJobs } from '../../../runtime/db/jobs.repo.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FrameShelf, insertRows } from '../../support/frames-fixture.ts';
import { describeOnPostgres } from '../../support/own-postgres.ts';
import { until } from '../../support/until.ts';

const anyLane = { camera: undefined, except: [] };

describeOnBothDatabases('camera lanes', (database) => {
  let db: Db;
  let shelf: FrameShelf;

  beforeEach(async () => {
    db = await database.open();
    shelf = new FrameShelf();
  });

  it('is free when it has work and no live lease', async () => {
    assert.equal(await free(db), undefined);
    await shelf.add(db);
    assert.equal(await free(db), 'pi-cam');
    const epoch = await claimAndEmpty(db);
    assert.equal(await free(db), undefined, 'it is leased');
    await db.query(`update camera_lanes set lease_until = now() - interval '1 second'`);
    assert.equal(await free(db), 'pi-cam', 'its lease ran out');
    assert.equal(await look(db, epoch), 0);
    assert.equal(await free(db), undefined, 'it was left empty');
    await db.query(`update camera_lanes set wake_at = now() + interval '1 hour'`);
    assert.equal(await free(db), undefined, 'its retry is not due');
    await db.query(`update camera_lanes set wake_at = now()`);
    assert.equal(await free(db), 'pi-cam', 'its retry is due');
  });

  it('comes in turn: the one left longest ago first', async () => {
    for (const camera of ['a', 'b', 'c']) await shelf.add(db, { camera });
    await db.query(`update camera_lanes set lease_until = now() - interval '1 minute' where camera_id = 'a'`);
    await db.query(`update camera_lanes set lease_until = now() - interval '2 minutes' where camera_id = 'b'`);
    const order: string[] = [];
    for (let next = await free(db); next; next = await db.tx((q) => lockFreeLane(q, { ...anyLane, except: order }))) {
      order.push(next);
    }
    assert.deepEqual(order, ['c', 'b', 'a']);
  });

  it('has work again after an enqueue whose count was not in when the lane was left', async () => {
    await shelf.add(db);
    const epoch = await claimAndEmpty(db);
    const seen = await db.tx((q) => lockOwnLane(q, 'pi-cam', epoch));
    await shelf.add(db);
    await db.tx((q) => leaveLane(q, 'pi-cam', epoch, seen ?? assert.fail('the lane is lost')));
    assert.equal(await free(db), 'pi-cam');
  });
});

describeOnPostgres('camera lanes', (database) => {
  let db: Db;
  let shelf: FrameShelf;

  beforeEach(async () => {
    db = await database.open();
    shelf = new FrameShelf();
  });

  /** An enqueue that has entered its job and counted it, and commits when told to. */
  const openEnqueue = async (count: (q: Queryable) => Promise<void>) => {
    const counted = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const frame = { id: '01935b00-0000-7000-8000-000000000001', device: 'pi', camera: 'pi-cam', seq: 99 };
    const committed = db.tx(async (q) => {
      await insertRows(q, { ...frame, capturedAt: 0, receivedAt: 0, width: 1, height: 1, jpegQuality: 1 });
      await count(q);
      counted.resolve();
      await go.promise;
    });
    await counted.promise;
    return async () => {
      go.resolve();
      await committed;
    };
  };

  /** Starts something that has to wait for the lane's row, lets the enqueue commit, and answers what it came to. */
  const meanwhile = async <T>(commit: () => Promise<void>, work: () => Promise<T>): Promise<T> => {
    const working = work();
    await until('it waits for the row', async () => {
      const { rows } = await db.query(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      );
      return rows.length > 0;
    });
    await commit();
    return working;
  };

  it('loses a wake-up with a plain flag, which is why there is a counter', async () => {
    await db.query(`create table flags (camera_id text primary key, pending boolean)`);
    await db.query(`insert into flags values ('pi-cam', true)`);
    const commit = await openEnqueue(async (q) => {
      await q.query(`update flags set pending = true where camera_id = 'pi-cam'`);
    });
    await meanwhile(commit, () =>
      db.query(`update flags set pending = exists (select 1 from jobs where camera_id = 'pi-cam' and state = 'queued')
                 where camera_id = 'pi-cam'`),
    );
    const { rows } = await db.query(
      `select pending, (select count(*)::int from jobs where state = 'queued') as queued from flags`,
    );
    assert.deepEqual(rows, [{ pending: false, queued: 1 }], 'the job waits and nobody will look');
  });

  it('loses no wake-up to an enqueue that commits while the lane is being left', async () => {
    await shelf.add(db);
    const epoch = await claimAndEmpty(db);
    const commit = await openEnqueue((q) => bumpLane(q, 'pi-cam'));
    assert.equal(await meanwhile(commit, () => look(db, epoch)), 1);
  });

  it('loses no wake-up to an enqueue that counts after the lane was left', async () => {
    await shelf.add(db);
    const epoch = await claimAndEmpty(db);
    const inserted = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const enqueue = db.tx(async (q) => {
      const frame = { id: '01935b00-0000-7000-8000-000000000002', device: 'pi', camera: 'pi-cam', seq: 100 };
      await insertRows(q, { ...frame, capturedAt: 0, receivedAt: 0, width: 1, height: 1, jpegQuality: 1 });
      inserted.resolve();
      await left.promise;
      await bumpLane(q, 'pi-cam');
    });
    await inserted.promise;
    assert.equal(await look(db, epoch), 0);
    left.resolve();
    await enqueue;
    assert.equal(await free(db), 'pi-cam');
  });

  it('is claimed by one of two who look at the same time', async () => {
    await shelf.add(db);
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        db.tx(async (q) => {
          const camera = await lockFreeLane(q, anyLane);
          return camera && takeLane(q, camera, `worker-${n}`, 20_000);
        }),
      ),
    );
    assert.deepEqual(
      claims.filter((epoch) => epoch !== undefined),
      [1],
    );
  });
});

/** Claims the lane and empties it, as a worker does. */
async function claimAndEmpty(db: Db): Promise<number> {
  const epoch = await db.tx(async (q) => {
    const camera = await lockFreeLane(q, anyLane);
    assert.equal(camera, 'pi-cam');
    return takeLane(q, 'pi-cam', 'me', 20_000);
  });
  await db.tx((q) => takeJobs(q, 'pi-cam', epoch, 16));
  await db.query(`update jobs set state = 'done' where state = 'running'`);
  return epoch;
}

/** What a worker does when its batch is through. */
function look(db: Db, epoch: number): Promise<number> {
  return db.tx(async (q) => {
    const seen = await lockOwnLane(q, 'pi-cam', epoch);
    const jobs = await takeJobs(q, 'pi-cam', epoch, 16);
    if (jobs.length === 0) await leaveLane(q, 'pi-cam', epoch, seen ?? assert.fail('the lane is lost'));
    return jobs.length;
  });
}

/** The camera of a lane that may be claimed. */
function free(db: Db): Promise<string | undefined> {
  return db.tx((q) => lockFreeLane(q, anyLane));
}
