import assert from 'node:assert/strict';
import { FakeHost, servedConfig } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

describe('device-config', () => {
  it('sets the pace of the camera in its example, at rest and in a burst', async () => {
    const fake = new FakeHost({ side: 'edge' });
    const flow = await playFlow('flows/examples/device-config.json', { host: fake.host });
    await flow.statusIs('rxconfig0000002', 'no configuration yet');
    fake.config.serve();
    const rest = await flow.next('rxconfig0000002');
    assert.deepEqual(
      [rest.payload.mode, rest.capture.interval_ms, rest.capture.jpeg_quality],
      ['baseline', 30_000, 80],
    );
    await flow.statusIs('rxconfig0000002', 'baseline · every 30 s');
    fake.config.serve(servedConfig({ mode: 'burst', version: 2 }));
    assert.equal((await flow.next('rxconfig0000002')).capture.interval_ms, 500);
    await flow.statusIs('rxconfig0000002', 'burst · 2 fps');
    await until('pictures at the pace of a burst', () => fake.cameras.captured.length >= 3);
    await flow.stop();
    assert.equal(fake.config.watchers, 0);
  });

  it('tells what was known before the flow started', async () => {
    const fake = new FakeHost({ side: 'edge' });
    fake.config.serve(servedConfig({ version: 7 }));
    const flow = await playFlow([{ id: 'n', type: 'device-config', version: 1, wires: [[]] }], { host: fake.host });
    assert.equal((await flow.next('n')).payload.version, 7);
    await flow.stop();
  });
});
