import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const LIVE = 'rxytlive0000004';
const NAME = `flow-${LIVE}`;
const STATE = 'rxytlive0000006';
const FORM = {
  camera: '',
  stream: 'show',
  title: '',
  description: '',
  privacy: 'private',
  madeForKids: false,
  latency: 'low',
  dvr: true,
  scheduledAt: '',
  started: true,
};

describe('youtube-live', () => {
  it('begins and completes the broadcast, and tells each change and the quota, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/youtube-live.json', { host: fake.host });
    await flow.statusIs(LIVE, 'off');
    flow.inject(LIVE, { payload: 'start' });
    const told = await flow.next(LIVE);
    assert.deepEqual([told.topic, told.change, told.payload.state], ['gate', 'state', 'connecting']);
    const { payload, change } = await flow.next(LIVE);
    assert.deepEqual([payload.name, payload.wanted, change], [NAME, true, undefined]);
    assert.deepEqual([payload.unitsToday, payload.unitsLimit], [151, 10_000]);
    assert.deepEqual(fake.broadcasts.specs.get(NAME)?.wish, {
      title: 'The shelf, live',
      privacy: 'unlisted',
      made_for_kids: false,
      latency: 'low',
      dvr: true,
    });
    fake.broadcasts.change({ state: 'live', url: 'https://youtube.com/watch?v=b1' });
    await until('it is told', () => flow.arrived(STATE).some((msg) => msg.payload.state === 'live'));
    await flow.statusIs(LIVE, 'live');
    fake.broadcasts.change({ state: 'live' });
    fake.broadcasts.change({ reason: 'Video bitrate is low' });
    await flow.statusIs(LIVE, 'live · Video bitrate is low');
    const lives = flow.sent(LIVE).filter((msg) => msg.change === 'state' && msg.payload.state === 'live');
    assert.equal(lives.length, 2, 'what did not change is not told');
    flow.inject(LIVE, { topic: 'stop', payload: '' });
    await flow.statusIs(LIVE, 'off');
    // As a Deploy without the node does.
    await flow.stop();
    assert.deepEqual([fake.broadcasts.watchers, fake.broadcasts.held(NAME), fake.broadcasts.forgotten], [0, 0, [NAME]]);
  });

  it('takes camera and wishes of one broadcast from a message, and what is none is refused by name', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow('flows/examples/youtube-live.json', { host: fake.host });
    flow.inject(LIVE, {
      payload: 'start',
      camera: 'porch',
      title: 'At the porch',
      description: 'Who comes?',
      privacy: 'public',
      madeForKids: true,
      latency: 'ultraLow',
      dvr: false,
      scheduledAt: '2031-05-01T18:00:00+02:00',
      product: 7,
      own: 1,
    });
    await until('it is begun', () => fake.broadcasts.on.has(NAME));
    assert.deepEqual(fake.broadcasts.specs.get(NAME), {
      name: NAME,
      camera: 'porch',
      wish: {
        title: 'At the porch',
        description: 'Who comes?',
        privacy: 'public',
        made_for_kids: true,
        latency: 'ultraLow',
        dvr: false,
        scheduled_at: '2031-05-01T16:00:00.000Z',
        product_id: 7,
      },
    });
    flow.inject(LIVE, { payload: 'start' });
    await until('the form holds again', () => fake.broadcasts.specs.get(NAME)?.wish.title === 'The shelf, live');
    for (const [field, value] of [
      ['privacy', 'friends'],
      ['scheduledAt', 'tomorrow'],
      ['title', 'x'.repeat(101)],
    ]) {
      flow.inject(LIVE, { payload: 'start', [String(field)]: value });
      const { code, message } = await flow.failure(LIVE);
      assert.deepEqual([code, message.includes(`msg.${field}`)], ['message.invalid', true], message);
    }
    flow.inject(LIVE, { payload: 'start', camera: 'nowhere' });
    assert.equal((await flow.failure(LIVE)).code, 'camera.not_found');
    await flow.stop();
  });

  it('tells a refused start to catch nodes, in YouTube’s reason for people', async () => {
    const fake = new FakeHost();
    fake.broadcasts.refusal = 'live streaming is not enabled for this channel';
    const flow = await playFlow('flows/examples/youtube-live.json', { host: fake.host });
    flow.inject(LIVE, { payload: 'start' });
    const { code, message } = await flow.failure(LIVE);
    assert.deepEqual([code, message], ['youtube.unavailable', fake.broadcasts.refusal]);
    assert.equal((await flow.statusIs(LIVE, fake.broadcasts.refusal)).fill, 'red');
    await flow.stop();
  });

  it('is on from the first Deploy on when that is ticked, and says on a device where it runs', async () => {
    const fake = new FakeHost();
    const node = [{ id: 'n', type: 'youtube-live', version: 1, ...FORM, wires: [[]] }];
    const flow = await playFlow(node, { host: fake.host });
    await until('it is on', () => fake.broadcasts.on.has('show'));
    await flow.stop();
    const edge = await playFlow(node, { host: new FakeHost({ side: 'edge' }).host });
    await edge.statusIs('n', /server only/);
    await edge.stop();
  });
});
