import assert from 'node:assert/strict';
import { FakeHost, TINY_JPEG } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

const node = (config: object = {}) => [
  { id: 'n', type: 'device-command', version: 1, device: 'pi', command: 'restart', ...config, wires: [[], []] },
];

describe('device-command', () => {
  it('shows a picture and the log of a device, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/device-command.json', { host: fake.host });
    fake.commands.ends = { data: { jpeg_b64: TINY_JPEG.toString('base64') } };
    flow.inject('rxcommand000002');
    assert.deepEqual((await flow.nextArrival('rxcommand000005')).payload, TINY_JPEG);
    fake.commands.progress = [{ lines: ['one', 'two'] }];
    flow.inject('rxcommand000006');
    assert.deepEqual((await flow.nextArrival('rxcommand000008')).payload.lines, ['one', 'two']);
    assert.deepEqual(fake.commands.ran, [
      { device: 'demo-pi', name: 'snapshot', args: { width: 320 }, ttlMs: 60_000 },
      { device: 'demo-pi', name: 'logs', args: { seconds: 10 }, ttlMs: 60_000 },
    ]);
    await flow.stop();
  });

  it('takes device, command and time from the message, and names what is missing', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node({ device: '' }), { host: fake.host });
    flow.inject('n', { payload: 'no object', device: 'other', command: 'identify', ttl_s: 5 });
    const { payload, device, details } = await flow.next('n');
    assert.deepEqual([payload, device, details.id], [{ well: true }, 'other', 'c1']);
    assert.deepEqual(fake.commands.ran, [{ device: 'other', name: 'identify', args: {}, ttlMs: 5000 }]);
    flow.inject('n', {});
    assert.match((await flow.failure('n')).message, /msg\.device is missing/);
    flow.inject('n', { device: 'pi', command: 'Not A Name' });
    assert.equal((await flow.failure('n')).code, 'message.invalid');
    await flow.stop();
  });

  it('hands on why a device did not do it', async () => {
    const fake = new FakeHost();
    fake.commands.ends = { state: 'expired', code: 'command.expired', error: 'the device did not come in time' };
    const flow = await playFlow(node(), { host: fake.host });
    flow.inject('n');
    const { code, message } = await flow.failure('n');
    assert.equal(code, 'command.expired');
    assert.match(message, /restart at pi: the device did not come in time/);
    assert.deepEqual(flow.sent('n'), []);
    await flow.stop();
  });

  it('is grey on a Pi', async () => {
    const flow = await playFlow(node(), { host: new FakeHost({ side: 'edge' }).host });
    assert.equal((await flow.statusIs('n', /runs on the server only/)).fill, 'grey');
    await flow.stop();
  });
});
