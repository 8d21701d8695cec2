import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

const node = (config: object = {}) => [{ id: 'n', type: 'device-in', version: 1, ...config, wires: [[]] }];

describe('device-in', () => {
  it('says who went and who is back, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/device-in.json', { host: fake.host });
    fake.devices.say({ device: 'pi', kind: 'state', at: 1, state: 'offline' });
    assert.equal((await flow.nextArrival('rxdevicein00004')).payload, 'pi is offline');
    fake.devices.say({ device: 'pi', kind: 'state', at: 2, state: 'online' });
    assert.equal((await flow.nextArrival('rxdevicein00004')).payload, 'pi is back');
    await flow.stop();
    assert.equal(fake.devices.watchers.size, 0);
  });

  it('hears only the device and the kind that its form names', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node({ device: 'pi', kind: 'heartbeat' }), { host: fake.host });
    fake.devices.say({ device: 'other', kind: 'heartbeat', at: 1, heartbeat: { rssi: -1 } });
    fake.devices.say({ device: 'pi', kind: 'state', at: 1, state: 'online' });
    fake.devices.say({ device: 'pi', kind: 'heartbeat', at: 3, heartbeat: { rssi: -50 } });
    const { topic, payload, at } = await flow.next('n');
    assert.deepEqual([topic, payload, at], ['pi/heartbeat', { rssi: -50 }, 3]);
    assert.equal(flow.sent('n').length, 1);
    await flow.stop();
  });

  it('hears everything with an empty form, and is grey on a Pi', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node({ kind: '' }), { host: fake.host });
    fake.devices.say({ device: 'pi', kind: 'info', at: 1, info: { version: '1' } });
    assert.deepEqual((await flow.next('n')).payload, { version: '1' });
    await flow.stop();
    const edge = await playFlow(node(), { host: new FakeHost({ side: 'edge' }).host });
    assert.equal((await edge.statusIs('n', /runs on the server only/)).fill, 'grey');
    await edge.stop();
  });
});
