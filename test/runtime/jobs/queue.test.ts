import assert from 'node:assert/strict';
import type { JobHandle } from '../../../runtime/contracts/jobs.ts';
import type { Db } from '../../../runtime/db/db.ts';
import type { JobQueue } from '../../../runtime/jobs/queue.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { JobBench } from '../../support/job-bench.ts';
import { until } from '../../support/until.ts';

describeOnBothDatabases('job queue', (database) => {
  let db: Db;
  let bench: JobBench;

  beforeEach(async () => {
    db = await database.open();
    bench = new JobBench(db);
  });
  afterEach(async () => {
    await bench.close();
  });

  /** Works everything off and notes the order. */
  const workOff = (queue: JobQueue, options: { camera?: string; concurrency: number }, seen: string[]) =>
    queue.work(options, (job) => {
      seen.push(`${job.camera} ${job.seq}`);
      void queue.done(job);
    });

  it('hands out the jobs of a camera in seq order, one at a time', async () => {
    for (const seq of [5, 3, 4]) await bench.shelf.add(db, { seq });
    const queue = await bench.queue();
    const handed = bench.collect(queue, { concurrency: 3 });
    await until('the first job', () => handed[0]);
    for (let count = 1; count <= 3; count += 1) {
      const job = await until('the next job', () => handed[count - 1]?.job);
      assert.equal(handed.length, count, 'the next came before the last was finished');
      assert.equal(await queue.done(job), 'done');
    }
    assert.deepEqual(
      handed.map(({ job }) => job.seq),
      [3, 4, 5],
    );
    await until('the lane is left', async () => (await lane()).owner === null);
    const left = await lane();
    assert.equal(left.drained, left.enqueued);
    assert.equal(left.wake_at, null);
  });

  it('hands out the frame and its bytes with the job', async () => {
    const jpeg = Buffer.from('a picture');
    const frame = await bench.shelf.add(db, { jpeg });
    const handed = bench.collect(await bench.queue());
    const first = await until('the job', () => handed[0]);
    assert.deepEqual(first.frame, frame);
    assert.deepEqual(first.jpeg, jpeg);
    assert.equal(first.job.attempt, 1);
  });

  it('works as many cameras side by side as it was told, and no more', async () => {
    for (const camera of ['a', 'b', 'c']) await bench.shelf.add(db, { camera });
    const queue = await bench.queue();
    const handed = bench.collect(queue, { concurrency: 2 });
    await until('two jobs', () => handed.length === 2);
    const counts = await queue.counts();
    assert.equal(counts.running, 2);
    assert.equal(counts.queued, 1);
    await finishAll(queue, handed, 3);
    assert.deepEqual(new Set(handed.map(({ job }) => job.camera)), new Set(['a', 'b', 'c']));
  });

  it('takes only the camera it was asked for', async () => {
    await bench.shelf.add(db, { camera: 'a' });
    await bench.shelf.add(db, { camera: 'b' });
    const queue = await bench.queue();
    const seen: string[] = [];
    workOff(queue, { camera: 'b', concurrency: 4 }, seen);
    await until('the job is done', async () => (await queue.counts()).done === 1);
    assert.deepEqual(seen, ['b 1']);
    assert.equal((await queue.counts()).queued, 1);
  });

  it('is woken by a frame that comes in', async () => {
    const queue = await bench.queue();
    const seen: string[] = [];
    workOff(queue, { concurrency: 1 }, seen);
    for (let seq = 0; seq < 3; seq += 1) {
      await bench.shelf.add(db, { seq });
      await until('the job is done', async () => (await queue.counts()).done === seq + 1, 2000);
    }
    assert.deepEqual(seen, ['pi-cam 0', 'pi-cam 1', 'pi-cam 2']);
  });

  it('is woken for every camera that one message names', async () => {
    const queue = await bench.queue();
    const seen: string[] = [];
    const cameras = ['a-cam', 'b-cam', 'c-cam'];
    for (const camera of cameras) {
      workOff(queue, { camera, concurrency: 1 }, seen);
      await bench.shelf.add(db, { camera, device: camera });
    }
    await until('all jobs are done', async () => (await queue.counts()).done === 3);
    await db.query(`update jobs set state = 'queued'`);
    await db.query(`update camera_lanes set enqueued = enqueued + 1`);
    await db.query(`select pg_notify('redeye_jobs', 'a-cam c-cam')`);
    await until('two jobs are done again', async () => (await queue.counts()).done === 2);
    assert.deepEqual(seen.slice(3).sort(), ['a-cam 0', 'c-cam 2']);
  });

  it('finds by its sweep what no wake-up told of', async () => {
    const queue = await bench.queue({ sweepMs: 50 });
    const seen: string[] = [];
    workOff(queue, { concurrency: 1 }, seen);
    await bench.shelf.add(db);
    await until('the job is done', async () => (await queue.counts()).done === 1);
    await db.query(`update jobs set state = 'queued'`);
    await db.query(`update camera_lanes set enqueued = enqueued + 1`);
    await until('the job is done again', async () => seen.length === 2);
  });

  it('takes more than a batch of a camera in order', async () => {
    for (let seq = 0; seq < 25; seq += 1) await bench.shelf.add(db, { seq });
    const queue = await bench.queue({ batch: 4 });
    const seen: string[] = [];
    workOff(queue, { concurrency: 2 }, seen);
    await until('all are done', async () => (await queue.counts()).done === 25);
    assert.deepEqual(
      seen,
      Array.from({ length: 25 }, (_, seq) => `pi-cam ${seq}`),
    );
  });

  it('finishes a job together with what is written, or not at all', async () => {
    const frame = await bench.shelf.add(db);
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    const { job } = await until('the job', () => handed[0]);
    const write = (key: string) => async (q: { query: Db['query'] }) => {
      await q.query(`insert into outbox (kind, key, payload) values ('test', $1, '{}')`, [key]);
      if (key === 'bad') throw new Error('no');
    };
    await assert.rejects(queue.finish(job, write('bad')), /no/);
    assert.equal((await bench.job(frame)).state, 'running');
    assert.equal(await queue.finish(job, write('good')), 'done');
    assert.equal(await queue.finish(job, write('again')), 'gone');
    assert.equal(await queue.done(job), 'gone');
    const { rows } = await db.query(`select key from outbox where kind = 'test'`);
    assert.deepEqual(rows, [{ key: 'good' }]);
    const record = await bench.job(frame);
    assert.equal(record.state, 'done');
    assert.equal(record.attempts, 1);
    assert.ok(record.finished_at);
  });

  it('is not held up by a failed job, and tries it again when its wait is over', async () => {
    const frames = [await bench.shelf.add(db), await bench.shelf.add(db)];
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    const first = await until('the first', () => handed[0]);
    await queue.fail(first.job, new Error('the flow threw'));
    const second = await until('the second', () => handed[1]);
    assert.equal(second.job.seq, 1);
    const failed = await bench.job(frames[0] ?? assert.fail());
    assert.deepEqual([failed.state, failed.attempts, failed.error], ['failed', 1, 'the flow threw']);
    assert.ok(failed.run_after);
    await queue.done(second.job);
    const again = await until('the first again, after a second', () => handed[2], 3000);
    assert.deepEqual([again.job.seq, again.job.attempt], [0, 2]);
    await queue.done(again.job);
    assert.equal((await bench.job(frames[0] ?? assert.fail())).state, 'done');
  });

  it('waits 1, 2, 4, 8 s between the tries and buries after the fifth', async () => {
    const frame = await bench.shelf.add(db);
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const { job } = await until(`attempt ${attempt}`, () => handed[attempt - 1]);
      assert.equal(job.attempt, attempt);
      await queue.fail(job, new Error('poison'));
      const { rows } = await db.query<{ wait: number }>(
        `select extract(epoch from run_after - now())::float8 as wait from jobs where run_after is not null`,
      );
      if (rows[0]) waits.push(Math.round(rows[0].wait));
      await until('the lane is left', async () => (await lane()).owner === null);
      await bench.makeDue();
    }
    assert.deepEqual(waits, [1, 2, 4, 8]);
    const dead = await bench.job(frame);
    assert.deepEqual([dead.state, dead.attempts, dead.error], ['dead', 5, 'poison']);
    await bench.shelf.add(db);
    const next = await until('the next frame', () => handed[5]);
    assert.equal(next.job.seq, 1);
  });

  it('counts a job that a flow dropped as a failed attempt, says so, and goes on', async () => {
    const frame = await bench.shelf.add(db);
    await bench.shelf.add(db);
    const queue = await bench.queue({ leaseMs: 150 });
    const handed = bench.collect(queue);
    const second = await until('the second job', () => handed[1]);
    assert.equal(second.job.seq, 1);
    await queue.done(second.job);
    const dropped = await bench.job(frame);
    assert.deepEqual([dropped.state, dropped.attempts], ['failed', 1]);
    assert.match(dropped.error ?? '', /nobody finished the job within 150 ms/);
    assert.equal(await queue.done(handed[0]?.job ?? assert.fail()), 'gone');
  });

  it('lets somebody who says so work longer than the lease', async () => {
    await bench.shelf.add(db);
    const queue = await bench.queue({ leaseMs: 200 });
    const handed = bench.collect(queue);
    const { job } = await until('the job', () => handed[0]);
    const begun = performance.now();
    await until('three leases have passed', async () => {
      assert.equal(await queue.renew(job), 'renewed');
      return performance.now() - begun > 600;
    });
    assert.equal(handed.length, 1);
    assert.equal(await queue.done(job), 'done');
    assert.equal(await queue.renew(job), 'gone');
  });

  it('buries a frame whose bytes are gone at once, with the reason', async () => {
    const frame = await bench.shelf.add(db);
    await bench.shelf.add(db);
    bench.shelf.lose(frame.id);
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    assert.equal((await until('the second', () => handed[0])).job.seq, 1);
    const dead = await bench.job(frame);
    assert.deepEqual([dead.state, dead.attempts], ['dead', 1]);
    assert.match(dead.error ?? '', /bytes of frame .* are gone/);
  });

  it('tries again where reading a frame failed for a passing reason', async () => {
    const frame = await bench.shelf.add(db);
    const queue = await bench.queue({
      readFrame: async () => {
        throw new Error('too many open files');
      },
    });
    bench.collect(queue);
    await until('a failed attempt', async () => (await bench.job(frame)).state === 'failed');
  });

  it('counts a throw of the taker as a failed attempt', async () => {
    const frame = await bench.shelf.add(db);
    const queue = await bench.queue();
    queue.work({ concurrency: 1 }, () => {
      throw new Error('no such flow');
    });
    await until('a failed attempt', async () => (await bench.job(frame)).state === 'failed');
    assert.equal((await bench.job(frame)).error, 'no such flow');
  });

  it('hands its lanes back when it stops, without counting an attempt', async () => {
    const frames = [await bench.shelf.add(db), await bench.shelf.add(db)];
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    const { job } = await until('the job', () => handed[0]);
    await queue.stop();
    await queue.stop();
    for (const frame of frames) {
      const record = await bench.job(frame);
      assert.deepEqual([record.state, record.attempts, record.epoch], ['queued', 0, null]);
    }
    assert.equal(await queue.done(job), 'gone');
    const next = bench.collect(await bench.queue());
    assert.equal((await until('the job again', () => next[0])).job.attempt, 1);
  });

  it('gives the jobs of a released taker to the next one', async () => {
    await bench.shelf.add(db);
    const queue = await bench.queue();
    const first: JobHandle[] = [];
    const release = queue.work({ concurrency: 1 }, (job) => first.push(job));
    await until('the job', () => first[0]);
    release();
    release();
    const second = bench.collect(queue);
    const { job } = await until('the job at the next', () => second[0]);
    assert.ok(job.epoch > (first[0]?.epoch ?? 0));
    assert.equal(first.length, 1);
    assert.equal(await queue.done(job), 'done');
  });

  it('moves on when the job in hand is deleted with its frame', async () => {
    const frame = await bench.shelf.add(db);
    await bench.shelf.add(db);
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    const { job } = await until('the job', () => handed[0]);
    await db.query(`delete from captures where id = $1`, [frame.id]);
    assert.equal(await queue.done(job), 'gone');
    await until('the next', () => handed[1]);
  });

  it('refuses a concurrency below one', async () => {
    const queue = await bench.queue();
    assert.throws(() => queue.work({ concurrency: 0 }, () => {}), { code: 'node.config_invalid' });
  });

  const lane = async () => {
    const { rows } = await db.query<{ owner: string | null; enqueued: number; drained: number; wake_at: Date | null }>(
      `select owner, enqueued, drained, wake_at from camera_lanes`,
    );
    return rows[0] ?? assert.fail('there is no lane');
  };

  const finishAll = async (queue: JobQueue, handed: { job: JobHandle }[], count: number) => {
    for (let next = 0; next < count; next += 1) {
      const { job } = await until(`job ${next + 1}`, () => handed[next]);
      await queue.done(job);
    }
  };
});
