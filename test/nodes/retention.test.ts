import assert from 'node:assert/strict';
import { AppError } from '../../runtime/contracts/errors.ts';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

const node = (config: object = {}) => [{ id: 'n', type: 'retention', version: 1, ...config, wires: [[]] }];

describe('retention node', () => {
  it('only looks, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/retention.json', { host: fake.host });
    flow.inject('rxretain0000002');
    const { payload } = await flow.nextArrival('rxretain0000005');
    assert.equal(payload, '120 frames, 12 pictures of events, 128 MB of frames');
    assert.deepEqual(fake.retention.runs, [{ dryRun: true, work: 'all' }]);
    await flow.stop();
  });

  it('runs nightly for everything and hourly for room, in the flow that ships', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/server/retention.json', { host: fake.host });
    flow.inject('rdsretain000003');
    await flow.nextArrival('rdsretain000007');
    flow.inject('rdsretain000005');
    const { payload } = await flow.nextArrival('rdsretain000007');
    assert.equal(payload.deleted.captures, 120);
    assert.deepEqual(fake.retention.runs, [
      { dryRun: false, work: 'all' },
      { dryRun: false, work: 'space' },
    ]);
    await flow.statusIs('rdsretain000006', 'freed 129 MB · 120 frames');
    await flow.stop();
  });

  it('takes dry_run and work from the message, and names what is wrong there', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node(), { host: fake.host });
    flow.inject('n', { dry_run: true, work: 'space' });
    await flow.next('n');
    assert.deepEqual(fake.retention.runs, [{ dryRun: true, work: 'space' }]);
    flow.inject('n', { work: 'nothing' });
    assert.match((await flow.failure('n')).message, /msg\.work must be one of all, space/);
    assert.equal(fake.retention.runs.length, 1);
    await flow.stop();
  });

  it('says in its status why a run halted, and hands on why one did not begin', async () => {
    const fake = new FakeHost();
    fake.retention.finds = { state: 'halted', notes: ['frames: halted after 20 %'] };
    const flow = await playFlow(node(), { host: fake.host });
    flow.inject('n');
    assert.equal((await flow.next('n')).payload.state, 'halted');
    await flow.statusIs('n', 'frames: halted after 20 %');
    fake.retention.failing = new AppError('retention.running', 'a run is under way');
    flow.inject('n');
    assert.equal((await flow.failure('n')).code, 'retention.running');
    await flow.stop();
  });

  it('is grey on a Pi, where the spool keeps its own limit', async () => {
    const fake = new FakeHost({ side: 'edge' });
    const flow = await playFlow(node(), { host: fake.host });
    const status = await flow.statusIs('n', /not available on this side/);
    assert.equal(status.fill, 'grey');
    await flow.stop();
  });
});
