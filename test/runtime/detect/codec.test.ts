import assert from 'node:assert/strict';
import { decodeState, encodeState } from '../../../runtime/detect/codec.ts';
import { planOf, random, roiAt, type SceneOptions, Watch } from '../../support/scenes.ts';

const PLAN = planOf([
  roiAt('left', 'inventory', 10, 10, 70, 70),
  roiAt('nested', 'inventory', 20, 20, 40, 50),
  roiAt('right', 'interaction', 90, 10, 60, 70),
]);

/** A made-up afternoon: hands, goods, light, a covered camera, pauses. */
function afternoon(seed: number): { options: SceneOptions; dt: number }[] {
  const next = random(seed);
  const steps: { options: SceneOptions; dt: number }[] = [];
  while (steps.length < 100) {
    const length = 1 + Math.floor(next() * 25);
    const options: SceneOptions = { gain: 1 - next() * 0.3, offset: next() * 20 };
    if (next() < 0.1) options.gain = 0.02;
    if (next() < 0.05) options.pan = 30;
    const thing = { x: next() * 120, y: 20, width: 20, height: 40, seed: 3 };
    const speed = next() < 0.5 ? 0 : next() * 3;
    for (let i = 0; i < length; i += 1) {
      const things = next() < 0.7 ? [{ ...thing, x: thing.x + i * speed }] : [];
      steps.push({ options: { ...options, things }, dt: next() < 0.02 ? 120_000 : 100 + Math.floor(next() * 400) });
    }
  }
  return steps;
}

describe('encodeState and decodeState', () => {
  it('give a state that behaves exactly as the one that was written, whatever happened before', function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= 3; seed += 1) {
      const kept = new Watch(PLAN);
      const coded = new Watch(PLAN);
      let at = 0;
      afternoon(seed).forEach(({ options, dt }, i) => {
        at += dt;
        kept.at = at - 100;
        coded.at = at - 100;
        kept.show(0.1, 10, () => ({ ...options, frame: i }));
        if (coded.state) {
          const bytes = encodeState(coded.state);
          assert.ok(bytes.length <= 64 * 1024, `${bytes.length} bytes`);
          coded.state = decodeState(bytes);
          assert.ok(coded.state);
        }
        coded.show(0.1, 10, () => ({ ...options, frame: i }));
      });
      assert.ok(kept.events.length > 0);
      assert.deepEqual(coded.events, kept.events);
      assert.deepEqual(coded.decisions, kept.decisions);
    }
  });

  it('answer undefined for another version, other bytes, and bytes cut short', () => {
    const watch = new Watch(PLAN).show(2, 10, () => ({}));
    assert.ok(watch.state);
    const bytes = encodeState(watch.state);
    assert.ok(decodeState(bytes));
    const newer = Uint8Array.from(bytes);
    newer[3] = 99;
    assert.equal(decodeState(newer), undefined);
    assert.equal(decodeState(bytes.subarray(0, bytes.length - 1)), undefined);
    assert.equal(decodeState(bytes.subarray(0, 20)), undefined);
    assert.equal(decodeState(new Uint8Array(0)), undefined);
    assert.equal(decodeState(new TextEncoder().encode('not a state at all')), undefined);
  });

  it('leave the state that is compared as it was', () => {
    const watch = new Watch(PLAN).show(2, 10, () => ({}));
    assert.ok(watch.state);
    const { state } = watch;
    const before = Buffer.from(encodeState(state));
    watch.show(3, 10, (t) => ({ things: [{ x: 20 + t * 10, y: 20, width: 20, height: 40, seed: 3 }] }));
    assert.deepEqual(Buffer.from(encodeState(state)), before);
  });
});
