import assert from 'node:assert/strict';
import { HotSwitch } from '../../../../edge/agent/rollout/hot-switch.ts';
import type { FlowLoad, SwitchFromChild } from '../../../../edge/ipc.ts';
import { FlowSwitch } from '../../../../edge/runtime/flow-switch.ts';
import type { FlowState } from '../../../../runtime/flow-engine/flow-state.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { tab } from './bundles.ts';

const load = (...nodes: Record<string, unknown>[]): FlowLoad => ({ slot: 'A', flows: tab(...nodes), credentials: {} });

describe('a hot switch, as the agent asks for it', () => {
  let clock: FakeClock;
  let asked: number[];
  let hot: HotSwitch;
  beforeEach(() => {
    clock = new FakeClock();
    asked = [];
    hot = new HotSwitch({
      clock,
      log: silentLog,
      handOver(n) {
        asked.push(n);
        return true;
      },
    });
  });
  const answer = () => hot.hear({ type: 'switch-answer', n: asked.at(-1) ?? 0 });

  it('is done once the process says so, and an answer counts once', async () => {
    const done = hot.try(load());
    assert.equal(hot.hear({ type: 'switch-answer', n: 99 }), false, 'nobody asked for that one');
    assert.equal(answer(), true);
    assert.equal(answer(), false);
    assert.equal(await done, true);
    assert.equal(hot.gone(), false);
    assert.equal(clock.timers, 0);
  });

  const misses: [string, () => unknown][] = [
    ['refuses', () => hot.hear({ type: 'switch-refusal', n: asked[0] ?? 0, reason: 'no' })],
    ['does not answer within 5 s', () => clock.advance(5000)],
    ['ends meanwhile', () => assert.equal(hot.gone(), true)],
    ['is not waited for any more', () => hot.stop()],
  ];
  for (const [name, happen] of misses)
    it(`leaves it to a new process when the old one ${name}, whatever it says later`, async () => {
      const done = hot.try(load());
      await happen();
      assert.equal(await done, false);
      assert.equal(answer(), false);
      assert.equal(clock.timers, 0);
    });

  it('is not tried without a process', async () => {
    const none = new HotSwitch({ clock, log: silentLog, handOver: () => false });
    assert.equal(await none.try(load()), false);
    assert.equal(clock.timers, 0);
  });
});

describe('a hot switch, in the flow process', () => {
  let state: FlowState;
  let memory: { heap: number; rss: number };
  let said: SwitchFromChild[];
  let done: string[];
  let fails: Error | undefined;
  let before: FlowLoad;
  const ask = (what: FlowLoad) => {
    const exchange = (how: string) => async (onEnded?: () => void) => {
      done.push(how);
      if (fails) throw fails;
      onEnded?.();
    };
    const engine = {
      state: () => state,
      nodeTypes: () => ['comment', 'inject'],
      reload: exchange('reload'),
      replace: (flows: { id: string }[], credentials: object, onEnded?: () => void) =>
        exchange(`replace ${flows.length} ${Object.keys(credentials)}`)(onEnded),
    };
    const flowSwitch = new FlowSwitch({
      engine,
      startErrors: { beginAnew: () => done.push('errors forgotten') },
      current: async () => before,
      take: ({ slot }) => done.push(`take ${slot}`),
      send: (message) => said.push(message),
      maxRssMb: 400,
      memory: () => memory,
    });
    return flowSwitch.hear({ type: 'switch', n: 7, ...what });
  };
  beforeEach(() => {
    state = { state: 'running' };
    memory = { heap: 0.5, rss: 0.3 };
    [said, done, fails, before] = [[], [], undefined, { slot: 'own', flows: null, credentials: null }];
  });

  it('is answered when the old flows have ended, and what failed in them is forgotten', async () => {
    await ask(load({ id: 'a', type: 'inject' }, { id: 's', type: 'subflow' }, { id: 'i', type: 'subflow:s' }));
    assert.deepEqual(done, ['take A', 'reload', 'errors forgotten']);
    assert.deepEqual(said, [{ type: 'switch-answer', n: 7 }]);
  });

  const a = { id: 'a', type: 'inject' };
  const b = { id: 'b', type: 'inject' };
  const withKeys = (credentials: Record<string, unknown>, ...nodes: Record<string, unknown>[]): FlowLoad => ({
    ...load(...nodes),
    credentials,
  });
  const kept: [string, FlowLoad, FlowLoad, string][] = [
    ['touches what changed only', load(a), load(a, b), 'replace 3 '],
    ['brings new nodes their credentials', load(a), withKeys({ b: { key: 'new' } }, a, b), 'replace 3 b'],
    [
      'forgets those of a node that is gone',
      withKeys({ a: { key: 1 }, b: { key: 2 } }, a, b),
      withKeys({ a: { key: 1 } }, a),
      'replace 2 a',
    ],
    ['makes all anew for another password', withKeys({ a: { key: 1 } }, a), withKeys({ a: { key: 2 } }, a), 'reload'],
    ['makes all anew when a password is taken away', withKeys({ a: { key: 1 } }, a), load(a), 'reload'],
    ['makes all anew after the shipped flows', { slot: 'own', flows: null, credentials: null }, load(a), 'reload'],
  ];
  for (const [name, ran, next, how] of kept)
    it(`${name}`, async () => {
      before = ran;
      await ask(next);
      assert.deepEqual(done, ['take A', how, 'errors forgotten']);
    });

  const refusals: [string, () => FlowLoad, RegExp][] = [
    [
      'flows that do not run',
      () => {
        state = { state: 'failed', reason: 'x' };
        return load();
      },
      /flows here are failed/,
    ],
    ['a type that was left out', () => load({ id: 'm', type: 'mqtt in' }), /type mqtt in was left out/],
    ['the shipped flows', () => ({ slot: 'own', flows: null, credentials: null }), /shipped flows/],
    [
      'a heap that is nearly full',
      () => {
        memory = { heap: 0.8, rss: 0.3 };
        return load();
      },
      /80 % of the memory/,
    ],
    [
      'a process that is nearly too large',
      () => {
        memory = { heap: 0.1, rss: 0.9 };
        return load();
      },
      /90 % of the memory/,
    ],
  ];
  for (const [name, given, reason] of refusals)
    it(`is refused for ${name}, and nothing is touched`, async () => {
      await ask(given());
      const [{ type, n, ...rest } = { type: '', n: 0 }] = said;
      assert.deepEqual([said.length, type, n], [1, 'switch-refusal', 7]);
      assert.match(String((rest as { reason?: string }).reason), reason);
      assert.deepEqual(done, []);
    });

  it('that cannot be begun is refused', async () => {
    fails = new Error('the storage is gone');
    await ask(load());
    assert.deepEqual(said, [{ type: 'switch-refusal', n: 7, reason: 'the storage is gone' }]);
  });
});
