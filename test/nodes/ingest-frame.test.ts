import assert from 'node:assert/strict';
import { AppError } from '../../runtime/contracts/errors.ts';
import { FakeHost, storedFrame, TINY_JPEG } from '../support/fake-host.ts';
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

  it('stores a picture at its input as a frame of the server, and tells of it like of any other', async () => {
    const fake = new FakeHost();
    const node = {
      id: 'n',
      type: 'ingest-frame',
      version: 1,
      camera: '',
      device: 'server',
      analyse: true,
      wires: [[]],
    };
    const flow = await playFlow([node], { host: fake.host });
    assert.deepEqual([...fake.ingest.takers][0]?.device, 'server');
    const frame = { device: 'server', camera: 'gate', capturedAt: 1, width: 64, height: 48, jpegQuality: 80 };
    flow.inject('n', { payload: TINY_JPEG, frame });
    assert.deepEqual((await flow.next('n')).frame.device, 'server');
    assert.deepEqual(fake.ingest.stored[0]?.jpeg, TINY_JPEG);
    fake.ingest.arrive(storedFrame({ device: 'demo-pi' }));
    flow.inject('n', { payload: 'no picture', frame });
    assert.equal((await flow.failure('n')).code, 'message.invalid');
    fake.ingest.failing = new AppError('disk.full', 'the disk is full');
    flow.inject('n', { payload: TINY_JPEG, frame });
    assert.equal((await flow.failure('n')).code, 'disk.full');
    assert.equal(flow.sent('n').length, 1, 'frames of devices are not its');
    await flow.stop();
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
