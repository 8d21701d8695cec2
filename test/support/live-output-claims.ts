import assert from 'node:assert/strict';
import type { LiveOutputKind } from '../../runtime/contracts/live.ts';
import { FakeHost } from './fake-host.ts';
import { playFlow } from './flow-player.ts';
import { until } from './until.ts';

/** The nodes of an output's example flow. */
export interface LiveOutputExample {
  kind: LiveOutputKind;
  /** id of the output's node */
  out: string;
  /** id of the node that hears of viewers */
  viewers: string;
}

/** What every live output's node claims, shown in its example flow. */
export function claimsLiveOutput({ kind, out, viewers }: LiveOutputExample): void {
  it('keeps the output ready between start and stop, and tells who watches, in its example', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(`flows/examples/${kind}-out.json`, { host: fake.host });
    await flow.statusIs(out, 'off until somebody watches');
    flow.inject(out, { payload: 'start' });
    const { payload, topic } = await flow.next(out);
    assert.deepEqual([topic, payload.output, payload.started], ['gate', kind, true]);
    assert.deepEqual(fake.live.kept(), [`gate ${kind}`]);
    fake.live.change({ state: 'live', viewers: 1 });
    const came = await flow.nextArrival(viewers);
    assert.deepEqual([came.change, came.payload.viewers, came.payload.state], ['viewers', 1, 'live']);
    await flow.statusIs(out, 'live · 1 watches');
    fake.live.change({ viewers: 0 });
    assert.equal((await flow.nextArrival(viewers)).payload.viewers, 0);
    flow.inject(out, { payload: 'stop' });
    await until('it is let go', () => fake.live.kept().length === 0);
    await flow.stop();
    assert.equal(fake.live.watchers, 0);
  });
}
