import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const PUSH = 'rxrtmppush00004';
const NAME = `flow-${PUSH}`;
const STATE = 'rxrtmppush00006';

describe('rtmp-push', () => {
  it('switches the push on and off, and tells each change of state, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/rtmp-push.json', { host: fake.host });
    await flow.statusIs(PUSH, 'off');
    flow.inject(PUSH, { payload: 'start' });
    const { payload, topic } = await flow.next(PUSH);
    assert.deepEqual([topic, payload.name, payload.state, payload.wanted], ['gate', NAME, 'connecting', true]);
    fake.pushes.change({ state: 'live', bitsPerSecond: 2_040_000 });
    const live = await flow.nextArrival(STATE);
    assert.deepEqual([live.change, live.payload.state], ['state', 'live']);
    await flow.statusIs(PUSH, 'live · 2.0 Mbit/s');
    fake.pushes.change({ bytes: 5 });
    await until('the figures come', () => flow.sent(PUSH).some(({ change }) => change === 'figures'));
    fake.pushes.change({ state: 'stalled', reason: 'the destination takes nothing any more' });
    assert.equal((await flow.nextArrival(STATE)).payload.reason, 'the destination takes nothing any more');
    assert.equal((await flow.statusIs(PUSH, 'the destination takes nothing any more')).fill, 'red');
    flow.inject(PUSH, { topic: 'stop', payload: '' });
    await until('it is off', () => !fake.pushes.on.has(NAME));
    await flow.stop();
    assert.deepEqual([fake.pushes.watchers, fake.pushes.held(NAME)], [0, 0]);
  });

  it('takes another destination from a message, and gives no key back', async () => {
    const fake = new FakeHost({ side: 'edge' });
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow('flows/examples/rtmp-push.json', { host: fake.host });
    flow.inject(PUSH, {
      payload: 'start',
      camera: 'porch',
      url: 'rtmps://h/app',
      key: 's3cret',
      sound: 'none',
      own: 1,
    });
    const answer = await flow.next(PUSH);
    const { camera, url, key, sound } = fake.pushes.specs.get(NAME) ?? {};
    assert.deepEqual([camera, url, key, sound], ['porch', 'rtmps://h/app', 's3cret', 'none']);
    assert.ok(!JSON.stringify(answer).includes('s3cret'));
    assert.deepEqual([answer.own, answer.topic], [1, 'porch']);
    assert.equal(fake.pushes.held(NAME), 1, 'the first one was given back');
    flow.inject(PUSH, { payload: 'start', camera: 'nowhere' });
    assert.equal((await flow.failure(PUSH)).code, 'camera.not_found');
    flow.inject(PUSH, { payload: 'start', sound: 'loud' });
    const { code, message } = await flow.failure(PUSH);
    assert.equal(code, 'message.invalid');
    assert.match(message, /sound/);
    flow.inject(PUSH, { payload: 'go' });
    assert.match((await flow.failure(PUSH)).message, /start, stop, status/);
    await flow.stop();
  });

  it('is on from the first Deploy on when that is ticked, under the name that the form gives', async () => {
    const fake = new FakeHost();
    const form = {
      camera: '',
      push: 'out',
      url: 'rtmp://h/app/k',
      keyFile: '',
      sound: 'auto',
      insecure: false,
      started: true,
    };
    const flow = await playFlow([{ id: 'n', type: 'rtmp-push', version: 1, ...form, wires: [[]] }], {
      host: fake.host,
    });
    await until('it is on', () => fake.pushes.on.has('out'));
    flow.inject('n', { topic: 'status', payload: 1 });
    assert.equal((await flow.next('n')).payload.wanted, true);
    await flow.stop();
    assert.equal(fake.pushes.held('out'), 0);
  });
});
