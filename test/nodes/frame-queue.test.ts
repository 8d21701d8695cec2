import assert from 'node:assert/strict';
import { FakeHost, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

describe('frame-queue', () => {
  it('brings each job with its picture, and job-done finishes it, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/frame-queue.json', { host: fake.host });
    const job = fake.jobs.offer({ id: 7 });
    const msg = await flow.next('rxqueue00000002');
    assert.deepEqual([msg.payload, msg.job, msg.frame.camera], [TINY_JPEG, job, 'gate']);
    await until('the job is finished', () => fake.jobs.finished.length === 1);
    assert.deepEqual(fake.jobs.finished[0], job);
    await flow.stop();
    assert.equal(fake.jobs.workers.size, 0);
  });

  it('works on as many cameras at once as it is told, or on one only', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(
      [
        { id: 'c', type: 'camera', version: 1, camera: 'porch' },
        { id: 'n', type: 'frame-queue', version: 1, camera: 'c', concurrency: '4', wires: [[]] },
      ],
      { host: fake.host },
    );
    assert.deepEqual([...fake.jobs.workers][0]?.options, { camera: 'porch', concurrency: 4 });
    await flow.stop();
  });

  it('refuses a number of cameras that makes no sense, red and in words', async () => {
    const fake = new FakeHost();
    const flow = await playFlow([{ id: 'n', type: 'frame-queue', version: 1, concurrency: 99, wires: [[]] }], {
      host: fake.host,
    });
    assert.match((await flow.failure('n')).message, /concurrency must be <= 16/);
    assert.equal(fake.jobs.workers.size, 0);
    await flow.stop();
  });
});
