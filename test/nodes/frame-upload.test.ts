import assert from 'node:assert/strict';
import { AppError } from '../../runtime/contracts/errors.ts';
import { FakeHost, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

describe('frame-upload', () => {
  it('spools what was captured and tells its number, in its example', async () => {
    const fake = new FakeHost({ side: 'edge' });
    const flow = await playFlow('flows/examples/frame-upload.json', { host: fake.host });
    flow.inject('rxupload0000003');
    const { frame, payload } = await flow.next('rxupload0000004');
    assert.deepEqual([frame.seq, frame.camera, payload], [1, 'gate', TINY_JPEG]);
    assert.deepEqual(fake.upload.spooled[0]?.jpeg, TINY_JPEG);
    await flow.stop();
    assert.equal(fake.upload.watchers, 0);
  });

  it('shows what waits and why', async () => {
    const fake = new FakeHost({ side: 'edge' });
    const flow = await playFlow([{ id: 'n', type: 'frame-upload', version: 1, wires: [[]] }], { host: fake.host });
    fake.upload.change({ state: 'waiting', frames: 12, reason: 'no answer from the server' });
    await flow.statusIs('n', '12 wait · no answer from the server');
    fake.upload.change({ state: 'refused', frames: 1, reason: 'the key is not known' });
    await flow.statusIs('n', '1 waits · the key is not known');
    fake.upload.change({ state: 'idle', frames: 0, sent: 13, lastSentAt: Date.now() });
    await flow.statusIs('n', /^13 sent · /);
    await flow.stop();
  });

  it('hands an error of the spool to catch nodes, and refuses what is no picture', async () => {
    const fake = new FakeHost({ side: 'edge' });
    const flow = await playFlow([{ id: 'n', type: 'frame-upload', version: 1, wires: [[]] }], { host: fake.host });
    const frame = { device: 'pi', camera: 'gate', capturedAt: 1, width: 64, height: 48, jpegQuality: 80 };
    fake.upload.failing = new AppError('spool.full', 'the disk is full');
    flow.inject('n', { payload: TINY_JPEG, frame });
    assert.equal((await flow.failure('n')).code, 'spool.full');
    flow.inject('n', { payload: 'text', frame });
    assert.match((await flow.failure('n')).message, /msg\.payload must be a Buffer/);
    flow.inject('n', { payload: TINY_JPEG });
    assert.match((await flow.failure('n')).message, /msg\.frame is missing/);
    await flow.stop();
  });

  it('stays inert on the server and says where it runs', async () => {
    const fake = new FakeHost({ side: 'server' });
    const flow = await playFlow([{ id: 'n', type: 'frame-upload', version: 1, wires: [[]] }], { host: fake.host });
    await flow.statusIs('n', 'runs on the edge only');
    flow.inject('n', { payload: TINY_JPEG });
    assert.equal(flow.failures.length, 0);
    await flow.stop();
  });
});
