import assert from 'node:assert/strict';
import { FakeHost, storedFrame } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

describe('ingest-frame', () => {
  it('tells of each stored frame, without its bytes, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/ingest-frame.json', { host: fake.host });
    assert.deepEqual(
      [...fake.ingest.takers].map(({ analyse, camera }) => [analyse, camera]),
      [[true, undefined]],
    );
    const frame = storedFrame({ seq: 41 });
    fake.ingest.arrive(frame);
    const msg = await flow.next('rxingest0000002');
    assert.deepEqual([msg.payload, msg.frame, msg.topic], [frame, frame, 'gate']);
    await flow.statusIs('rxingest0000002', /^1 frame/);
    await flow.stop();
    assert.equal(fake.ingest.takers.size, 0);
  });

  it('wants only the frames of its camera, and no analysis where that is not ticked', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(
      [
        { id: 'c', type: 'camera', version: 1, camera: 'porch' },
        { id: 'n', type: 'ingest-frame', version: 1, camera: 'c', analyse: false, wires: [[]] },
      ],
      { host: fake.host },
    );
    const [taker] = fake.ingest.takers;
    assert.deepEqual([taker?.camera, taker?.analyse], ['porch', false]);
    await flow.stop();
  });
});
