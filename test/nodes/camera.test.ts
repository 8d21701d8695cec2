import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

describe('camera', () => {
  it('names the camera for the nodes that point to it, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/camera.json', { host: fake.host });
    flow.inject('rxcamera0000004');
    const { frame } = await flow.next('rxcamera0000004');
    assert.equal(frame.camera, 'gate');
    await flow.stop();
  });

  it('gives its id to a capture, in place of the first camera', async () => {
    const fake = new FakeHost();
    fake.cameras.ids = ['gate', 'porch'];
    const flow = await playFlow(
      [
        { id: 'c', type: 'camera', version: 1, camera: 'porch' },
        { id: 'n', type: 'camera-capture', version: 1, camera: 'c', interval_s: 0, wires: [[]] },
      ],
      { host: fake.host },
    );
    flow.inject('n');
    assert.equal((await flow.next('n')).frame.camera, 'porch');
    await flow.stop();
  });

  it('brings a camera along while the flow runs, and takes it away again', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(
      [{ id: 'c', type: 'camera', version: 1, camera: 'yard', credentials: { url: 'sim:gradient' } } as never],
      { host: fake.host },
    );
    assert.equal(fake.cameras.declared.get('yard'), 'sim:gradient');
    await flow.stop();
    assert.equal(fake.cameras.declared.size, 0);
  });

  it('refuses an address without an id, and an id that no topic or path could hold', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(
      [
        { id: 'c', type: 'camera', version: 1, camera: '', credentials: { url: 'sim:gradient' } } as never,
        { id: 'd', type: 'camera', version: 1, camera: '../x' },
      ],
      { host: fake.host },
    );
    assert.match((await flow.failure('c')).message, /needs an id/);
    assert.equal((await flow.failure('d')).code, 'node.config_invalid');
    await flow.stop();
  });
});
