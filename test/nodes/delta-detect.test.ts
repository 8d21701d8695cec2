import assert from 'node:assert/strict';
import type { Transition } from '../../runtime/contracts/detection.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import { FakeHost, storedFrame, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const node = [{ id: 'n', type: 'delta-detect', version: 1, wires: [[], []] }];
const job = { id: 3, camera: 'gate', seq: 1, attempt: 1, epoch: 2 };
const began: Transition = {
  phase: 'start',
  event: 'e1',
  type: 'interaction_detected',
  rois: ['frame'],
  startedAt: 1,
  score: 0.4,
  stockChanged: null,
  frames: {},
  details: {},
};

describe('delta-detect', () => {
  it('compares plain pictures and keeps its own memory of the camera, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/delta-detect.json', { host: fake.host });
    await until('two pictures are compared', () => fake.detection.frames.length >= 2);
    const [one, two] = fake.detection.frames;
    assert.equal(one?.memory, two?.memory);
    assert.equal((await flow.next('rxdelta00000003')).detection.decision, 'quiet');
    assert.equal(fake.detection.jobs.length, 0);
    await flow.stop();
  });

  it('has a job compared and committed, names the flow, and passes the message on', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node, { host: fake.host });
    flow.inject('n', { payload: TINY_JPEG, frame: storedFrame(), job });
    const msg = await flow.next('n');
    assert.deepEqual([msg.payload, msg.job, msg.detection.camera], [TINY_JPEG, job, 'gate']);
    assert.deepEqual([fake.detection.jobs[0]?.job, fake.detection.jobs[0]?.flow], [job, 'player-tab']);
    assert.equal(flow.sent('n', 1).length, 0);
    await flow.stop();
  });

  it('tells the start and the end of an event on its second output, without the job', async () => {
    const fake = new FakeHost();
    fake.detection.finds = {
      decision: 'active',
      events: [began],
      rois: [{ name: 'frame', score: 0.4, threshold: 0.08, active: true }],
    };
    const flow = await playFlow(node, { host: fake.host });
    flow.inject('n', { payload: TINY_JPEG, frame: storedFrame(), job });
    const msg = await flow.next('n', { port: 1 });
    assert.deepEqual([msg.payload, msg.topic, msg.job], [began, 'interaction_detected', undefined]);
    await flow.statusIs('n', 'gate: frame');
    await flow.stop();
  });

  it('does not mix up cameras', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node, { host: fake.host });
    for (const camera of ['gate', 'porch']) {
      flow.inject('n', { payload: TINY_JPEG, frame: storedFrame({ camera }) });
      await flow.next('n');
    }
    assert.notEqual(fake.detection.frames[0]?.memory, fake.detection.frames[1]?.memory);
    await flow.stop();
  });

  it('hands what fails to catch nodes with its code', async () => {
    const fake = new FakeHost();
    fake.detection.failing = new AppError('frame.malformed', 'the picture cannot be decoded');
    const flow = await playFlow(node, { host: fake.host });
    flow.inject('n', { payload: TINY_JPEG, frame: storedFrame(), job });
    assert.equal((await flow.failure('n')).code, 'frame.malformed');
    flow.inject('n', { payload: TINY_JPEG, frame: storedFrame({ id: undefined as never }), job });
    assert.match((await flow.failure('n')).message, /msg\.frame\.id is missing/);
    await flow.stop();
  });
});
