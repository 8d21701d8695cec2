import assert from 'node:assert/strict';
import type { Db } from '../../../runtime/db/db.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { JobBench } from '../../support/job-bench.ts';
import { until } from '../../support/until.ts';

const everything = { limit: 50, cameras: null };

describeOnBothDatabases('job records', (database) => {
  let db: Db;
  let bench: JobBench;

  beforeEach(async () => {
    db = await database.open();
    bench = new JobBench(db);
  });
  afterEach(async () => {
    await bench.close();
  });

  it('lists the newest first, page by page', async () => {
    for (let seq = 0; seq < 5; seq += 1) await bench.shelf.add(db, { seq });
    const queue = await bench.queue();
    const seqs: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await queue.list({ limit: 2, cameras: null, cursor });
      assert.ok(page.items.length <= 2);
      seqs.push(...page.items.map((item) => item.seq));
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    assert.deepEqual(seqs, [4, 3, 2, 1, 0]);
  });

  it('shows a job as the contract has it', async () => {
    const frame = await bench.shelf.add(db, { device: 'pi', camera: 'pi-cam', seq: 7 });
    const { items, next } = await (await bench.queue()).list(everything);
    assert.equal(next, null);
    const [job] = items;
    assert.match(job?.created_at ?? '', /^\d{4}-.*\.\d{3}Z$/);
    assert.deepEqual(
      { ...job, id: 0, created_at: '' },
      {
        id: 0,
        state: 'queued',
        device: 'pi',
        camera: 'pi-cam',
        seq: 7,
        frame_id: frame.id,
        attempts: 0,
        error: null,
        run_after: null,
        created_at: '',
        finished_at: null,
      },
    );
  });

  it('filters by state, camera, device, time and what the user may see', async () => {
    await bench.shelf.add(db, { device: 'p', camera: 'a', seq: 1 });
    await bench.shelf.add(db, { device: 'q', camera: 'b', seq: 2 });
    const queue = await bench.queue();
    const seqs = async (query: object) => (await queue.list({ ...everything, ...query })).items.map((item) => item.seq);
    assert.deepEqual(await seqs({ state: 'queued' }), [2, 1]);
    assert.deepEqual(await seqs({ state: 'dead' }), []);
    assert.deepEqual(await seqs({ camera: 'a' }), [1]);
    assert.deepEqual(await seqs({ device: 'q' }), [2]);
    assert.deepEqual(await seqs({ cameras: ['b'] }), [2]);
    assert.deepEqual(await seqs({ cameras: [] }), []);
    assert.deepEqual(await seqs({ from: Date.now() + 60_000 }), []);
    assert.deepEqual(await seqs({ to: Date.now() + 60_000 }), [2, 1]);
  });

  it('refuses a cursor that it did not give', async () => {
    const queue = await bench.queue();
    await assert.rejects(queue.list({ ...everything, cursor: '1 or 1=1' }), { code: 'request.invalid' });
  });

  it('gives a dead job fresh attempts, wakes its lane and notes who asked', async () => {
    const frame = await bench.shelf.add(db);
    await db.query(`update jobs set state = 'dead', attempts = 5, error = 'poison', finished_at = now()`);
    await db.query(`update camera_lanes set drained = enqueued`);
    const queue = await bench.queue();
    const handed = bench.collect(queue);
    const { id } = await bench.job(frame);
    const record = await queue.retry(id, { name: 'user:anna', ip: '10.0.0.9' });
    assert.deepEqual([record.state, record.attempts, record.finished_at], ['queued', 0, null]);
    const { job } = await until('the job', () => handed[0]);
    assert.deepEqual([job.id, job.attempt], [id, 1]);
    const { rows } = await db.query(`select actor, action, object, ip, details from audit`);
    assert.deepEqual(rows, [
      {
        actor: 'user:anna',
        action: 'job.retry',
        object: `job/${id}`,
        ip: '10.0.0.9',
        details: { camera: 'pi-cam', seq: 0, state: 'dead', attempts: 5 },
      },
    ]);
  });

  it('refuses to try again what is not failed or dead, or not there, and notes nothing', async () => {
    const frame = await bench.shelf.add(db);
    const queue = await bench.queue();
    const { id } = await bench.job(frame);
    await assert.rejects(queue.retry(id, { name: 'user:anna' }), { code: 'job.not_retryable' });
    await assert.rejects(queue.retry(id + 1000, { name: 'user:anna' }), { code: 'job.not_found' });
    assert.deepEqual((await db.query(`select 1 from audit`)).rows, []);
  });
});
