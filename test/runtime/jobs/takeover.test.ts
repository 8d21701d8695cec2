import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Db } from '../../../runtime/db/db.ts';
import type { JobQueue } from '../../../runtime/jobs/queue.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { JobBench } from '../../support/job-bench.ts';
import { describeOnPostgres } from '../../support/own-postgres.ts';
import { until } from '../../support/until.ts';

const LEASE_MS = 300;

describeOnBothDatabases('jobs of a worker that went away', (database) => {
  let db: Db;
  let bench: JobBench;

  beforeEach(async () => {
    db = await database.open();
    bench = new JobBench(db);
  });
  afterEach(async () => {
    await bench.close();
  });

  it('go to another one when the lease has run out, and the first is fenced off', async () => {
    const frame = await bench.shelf.add(db);
    const first = await hanging(bench);
    const lost = bench.collect(first);
    const { job } = await until('the job at the first', () => lost[0]);
    const second = await bench.queue({ sweepMs: 50 });
    const taken = bench.collect(second);
    const again = await until('the job at the second', () => taken[0]);
    assert.equal(again.job.id, job.id);
    assert.ok(again.job.epoch > job.epoch);
    assert.equal(again.job.attempt, 2, 'the attempt of the one that vanished counts');
    let wrote = false;
    const late = await first.finish(job, async () => {
      wrote = true;
    });
    assert.deepEqual([late, wrote], ['gone', false]);
    await first.fail(job, new Error('too late'));
    assert.equal(await first.renew(job), 'gone');
    assert.equal((await bench.job(frame)).state, 'running');
    assert.equal(await second.done(again.job), 'done');
  });

  it('count an attempt only for the one that was in hand', async () => {
    const frames = [await bench.shelf.add(db), await bench.shelf.add(db), await bench.shelf.add(db)];
    const lost = bench.collect(await hanging(bench));
    await until('a batch of three is taken', () => lost[0]);
    const taken = bench.collect(await bench.queue({ sweepMs: 50 }));
    await until('the first is taken over', () => taken[0]);
    const attempts = [];
    for (const frame of frames) attempts.push((await bench.job(frame)).attempts);
    assert.deepEqual(attempts, [1, 0, 0]);
  });

  it('are buried when they take their worker down every time, and the camera goes on', async () => {
    const poison = await bench.shelf.add(db);
    const next = await bench.shelf.add(db);
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const lost = bench.collect(await hanging(bench));
      const { job } = await until(`attempt ${attempt}`, () => lost[0]);
      assert.deepEqual([job.seq, job.attempt], [poison.seq, attempt]);
      await db.query(`update camera_lanes set lease_until = now() - interval '1 second'`);
    }
    const taken = bench.collect(await bench.queue());
    assert.equal((await until('the next frame', () => taken[0])).job.seq, next.seq);
    const dead = await bench.job(poison);
    assert.equal(dead.state, 'dead');
    assert.match(dead.error ?? '', /worker vanished/);
  });

  it('stay with a worker that is alive, however long a job takes', async () => {
    await bench.shelf.add(db);
    const first = await bench.queue({ leaseMs: LEASE_MS });
    const held = bench.collect(first);
    const { job } = await until('the job', () => held[0]);
    const other = bench.collect(await bench.queue({ sweepMs: 20, leaseMs: LEASE_MS }));
    const begun = performance.now();
    await until('three leases have passed', async () => {
      assert.equal(await first.renew(job), 'renewed');
      return performance.now() - begun > 3 * LEASE_MS;
    });
    assert.equal(other.length, 0);
    assert.equal(await first.done(job), 'done');
  });
});

describeOnPostgres('jobs and two workers', (database) => {
  let db: Db;
  let bench: JobBench;

  beforeEach(async () => {
    db = await database.open();
    bench = new JobBench(db);
  });
  afterEach(async () => {
    await bench.close();
  });

  it('are never with two workers at once, each frame once and in order', async () => {
    const cameras = ['a', 'b', 'c', 'd', 'e'];
    for (let seq = 0; seq < 12; seq += 1) {
      for (const camera of cameras) await bench.shelf.add(db, { camera, device: camera, seq });
    }
    const holders = new Map<string, string>();
    const seen = new Map<string, number[]>();
    const workers = new Set<string>();
    for (const owner of ['one', 'two']) {
      const queue = await bench.queue({ owner, batch: 3, sweepMs: 50 });
      queue.work({ concurrency: 2 }, (job) => {
        assert.equal(holders.get(job.camera), undefined, `${job.camera} is in two hands`);
        holders.set(job.camera, owner);
        workers.add(owner);
        seen.set(job.camera, [...(seen.get(job.camera) ?? []), job.seq]);
        setImmediate(() => {
          holders.delete(job.camera);
          void queue.done(job);
        });
      });
    }
    const queue = await bench.queue();
    await until('all are done', async () => (await queue.counts()).done === 60, 20_000);
    const inOrder = Array.from({ length: 12 }, (_, seq) => seq);
    for (const camera of cameras) assert.deepEqual(seen.get(camera), inOrder);
    assert.deepEqual(workers, new Set(['one', 'two']));
  });

  it('are taken over from a process that was killed in mid-job', async () => {
    const frames = [await bench.shelf.add(db), await bench.shelf.add(db)];
    const script = new URL('../../support/job-process.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, database.url()], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      await until('the process has a job in hand', () => said.includes('working on seq 0'));
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
    assert.equal((await bench.job(frames[0] ?? assert.fail())).state, 'running');
    const queue = await bench.queue({ sweepMs: 50 });
    const taken: string[] = [];
    queue.work({ concurrency: 1 }, (job) => {
      taken.push(`seq ${job.seq} attempt ${job.attempt}`);
      void queue.done(job);
    });
    await until('both are done', async () => (await queue.counts()).done === 2);
    assert.deepEqual(taken, ['seq 0 attempt 2', 'seq 1 attempt 1']);
  });

  it('wait while the worker has a transaction open, which holds up no frame that comes in', async () => {
    const frame = await bench.shelf.add(db);
    const first = await hanging(bench);
    const { job } = await until(
      'the job',
      (
        (held) => () =>
          held[0]
      )(bench.collect(first)),
    );
    const go = Promise.withResolvers<void>();
    const writing = Promise.withResolvers<void>();
    const finished = first.finish(job, async () => {
      writing.resolve();
      await go.promise;
    });
    await writing.promise;
    await db.query(`update camera_lanes set lease_until = now() - interval '1 second'`);
    const taken = bench.collect(await bench.queue({ sweepMs: 20 }));
    await until('the other one has looked', async () => {
      const { rows } = await db.query(`select 1 from camera_lanes where lease_until > now()`);
      return rows.length > 0;
    });
    await bench.shelf.add(db);
    assert.equal(taken.length, 0);
    go.resolve();
    assert.equal(await finished, 'done');
    assert.equal((await until('the frame that came in', () => taken[0])).job.seq, 1);
    assert.equal((await bench.job(frame)).state, 'done');
  });
});

/** A worker whose timers stand still: it renews nothing, as one that hangs. */
function hanging(bench: JobBench): Promise<JobQueue> {
  return bench.queue({ clock: new FakeClock(), leaseMs: LEASE_MS });
}
