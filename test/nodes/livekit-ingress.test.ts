import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const INGRESS = 'rxlivekit000004';
const NAME = `flow-${INGRESS}`;
const FORM = { camera: '', stream: 'show', room: '', via: 'rtmp', sound: 'none', started: true };

describe('livekit-ingress', () => {
  it('brings the camera into the room and takes it out, and tells each change once, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/livekit-ingress.json', { host: fake.host });
    await flow.statusIs(INGRESS, 'off');
    flow.inject(INGRESS, { payload: 'start', own: 1 });
    const told = await flow.next(INGRESS);
    assert.deepEqual([told.topic, told.change, told.payload.state], ['gate', 'state', 'connecting']);
    const { payload, own, change } = await flow.next(INGRESS);
    assert.deepEqual(
      [payload.name, payload.room, payload.via, payload.wanted, own, change],
      [NAME, 'hall', 'whip', true, 1, undefined],
    );
    fake.rooms.change({ state: 'live', bitsPerSecond: 2_000_000 });
    await flow.statusIs(INGRESS, 'hall · 2.0 Mbit/s');
    fake.rooms.change({ bitsPerSecond: 1_000_000 });
    fake.rooms.change({ state: 'stalled', reason: 'LiveKit does not publish what it gets' });
    assert.equal((await flow.statusIs(INGRESS, 'LiveKit does not publish what it gets')).fill, 'red');
    const changes = flow.sent(INGRESS).filter((msg) => msg.change === 'state');
    assert.deepEqual(
      changes.map((msg) => msg.payload.state),
      ['connecting', 'live', 'stalled'],
    );
    flow.inject(INGRESS, { topic: 'stop', payload: '' });
    await flow.statusIs(INGRESS, 'off');
    await flow.stop();
    assert.deepEqual([fake.rooms.watchers, fake.rooms.forgotten], [0, [NAME]]);
  });

  it('takes camera, room and way from a message, and refuses by name what is none', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow('flows/examples/livekit-ingress.json', { host: fake.host });
    flow.inject(INGRESS, { payload: 'start', camera: 'porch', room: 'yard', via: 'rtmp', sound: 'silent' });
    await until('it is begun', () => fake.rooms.on.has(NAME));
    assert.deepEqual(fake.rooms.specs.get(NAME), {
      name: NAME,
      camera: 'porch',
      room: 'yard',
      via: 'rtmp',
      sound: 'silent',
    });
    for (const [field, value] of [
      ['room', 'a/b'],
      ['via', 'srt'],
    ]) {
      flow.inject(INGRESS, { payload: 'start', [String(field)]: value });
      const { code, message } = await flow.failure(INGRESS);
      assert.deepEqual([code, message.includes(`msg.${field}`)], ['message.invalid', true], message);
    }
    flow.inject(INGRESS, { payload: 'start', camera: 'nowhere' });
    assert.equal((await flow.failure(INGRESS)).code, 'camera.not_found');
    await flow.stop();
  });

  it('is on from the first Deploy on when that is ticked, and says on a device that it runs on the server', async () => {
    const fake = new FakeHost();
    const node = [{ id: 'n', type: 'livekit-ingress', version: 1, ...FORM, wires: [[]] }];
    const flow = await playFlow(node, { host: fake.host });
    await until('it is on', () => fake.rooms.on.has('show'));
    await flow.stop();
    const edge = await playFlow(node, { host: new FakeHost({ side: 'edge' }).host });
    await edge.statusIs('n', /server only/);
    await edge.stop();
  });
});
