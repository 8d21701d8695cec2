import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { claimsLiveOutput } from '../support/live-output-claims.ts';
import { until } from '../support/until.ts';

const OUT = 'rxhlsout0000004';

describe('hls-out', () => {
  claimsLiveOutput({ kind: 'hls', out: OUT, viewers: 'rxhlsout0000006' });

  it('tells a change of state with its reason', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/hls-out.json', { host: fake.host });
    fake.live.change({ state: 'waiting', reason: 'the camera does not answer' });
    const { change, payload } = await flow.next(OUT);
    assert.deepEqual([change, payload.state, payload.reason], ['state', 'waiting', 'the camera does not answer']);
    await flow.statusIs(OUT, 'the camera does not answer');
    await flow.stop();
  });

  it('is ready from Deploy on when that is ticked, and gives it back when the flow ends', async () => {
    const fake = new FakeHost();
    const node = { id: 'n', type: 'hls-out', version: 1, camera: '', started: true, wires: [[]] };
    const flow = await playFlow([node], { host: fake.host });
    await until('it is kept', () => fake.live.kept().length === 1);
    flow.inject('n', { topic: 'status', payload: 1 });
    assert.equal((await flow.next('n')).payload.started, true);
    await flow.stop();
    assert.deepEqual([fake.live.kept(), fake.live.watchers], [[], 0]);
  });

  it('starts another camera that a message names, and refuses one that is not there', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow('flows/examples/hls-out.json', { host: fake.host });
    flow.inject(OUT, { topic: 'start', camera: 'porch' });
    assert.equal((await flow.next(OUT)).topic, 'porch');
    flow.inject(OUT, { payload: 'start', camera: 'nowhere' });
    assert.equal((await flow.failure(OUT)).code, 'camera.not_found');
    assert.deepEqual(fake.live.kept(), ['porch hls']);
    await flow.stop();
  });

  it('says what it understands when a message is no command', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/hls-out.json', { host: fake.host });
    flow.inject(OUT, { payload: 'begin' });
    const { code, message } = await flow.failure(OUT);
    assert.equal(code, 'message.invalid');
    assert.match(message, /start, stop, status/);
    await flow.stop();
  });

  it('is grey on a device, which has no live outputs yet', async () => {
    const fake = new FakeHost({ side: 'edge' });
    const flow = await playFlow('flows/examples/hls-out.json', { host: fake.host });
    assert.equal((await flow.statusIs(OUT, 'live is not available on this side')).fill, 'grey');
    await flow.stop();
  });
});
