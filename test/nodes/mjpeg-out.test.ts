import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';
import { until } from '../support/until.ts';

const OUT = 'rxmjpegout00004';
const VIEWERS = 'rxmjpegout00006';

describe('mjpeg-out', () => {
  it('keeps the output ready between start and stop, and tells who watches, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow('flows/examples/mjpeg-out.json', { host: fake.host });
    await flow.statusIs(OUT, 'off until somebody watches');
    flow.inject(OUT, { payload: 'start' });
    const { payload, topic } = await flow.next(OUT);
    assert.deepEqual([topic, payload.output, payload.started], ['gate', 'mjpeg', true]);
    assert.deepEqual(fake.live.kept(), ['gate mjpeg']);
    fake.live.change({ state: 'live', viewers: 1 });
    const came = await flow.nextArrival(VIEWERS);
    assert.deepEqual([came.change, came.payload.viewers, came.payload.state], ['viewers', 1, 'live']);
    await flow.statusIs(OUT, 'live · 1 watches');
    fake.live.change({ viewers: 0 });
    assert.equal((await flow.nextArrival(VIEWERS)).payload.viewers, 0);
    flow.inject(OUT, { payload: 'stop' });
    await until('it is let go', () => fake.live.kept().length === 0);
    await flow.stop();
    assert.equal(fake.live.watchers, 0);
  });
});
