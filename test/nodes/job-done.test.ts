import assert from 'node:assert/strict';
import { FakeHost, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const job = { id: 3, camera: 'gate', seq: 9, attempt: 1, epoch: 2 };
const node = [{ id: 'n', type: 'job-done', version: 1, wires: [[]] }];

describe('job-done', () => {
  it('finishes what went well and gives back what failed, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/job-done.json', { host: fake.host });
    fake.jobs.offer({ id: 1 }, undefined, TINY_JPEG);
    assert.equal((await flow.next('rxdone000000004')).payload, 'done');
    fake.jobs.offer({ id: 2 }, undefined, TINY_JPEG.subarray(0, 50));
    assert.equal((await flow.next('rxdone000000004')).payload, 'failed');
    await until('the failure is told', () => fake.jobs.failed.length === 1);
    assert.equal(fake.jobs.failed[0]?.job.id, 2);
    assert.match(fake.jobs.failed[0]?.error.message ?? '', /picture too small/);
    assert.deepEqual(
      fake.jobs.finished.map(({ id }) => id),
      [1],
    );
    await flow.stop();
  });

  it('says that a job is gone which somebody else finished', async () => {
    const fake = new FakeHost();
    fake.jobs.answer = 'gone';
    const flow = await playFlow(node, { host: fake.host });
    flow.inject('n', { job });
    assert.equal((await flow.next('n')).payload, 'gone');
    await flow.stop();
  });

  it('names what is wrong with a message that carries no job', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node, { host: fake.host });
    flow.inject('n', { payload: 1 });
    assert.match((await flow.failure('n')).message, /msg\.job is missing/);
    flow.inject('n', { job: { ...job, epoch: 'x' } });
    assert.match((await flow.failure('n')).message, /msg\.job\.epoch/);
    await flow.stop();
  });
});
