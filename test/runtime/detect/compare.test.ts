import assert from 'node:assert/strict';
import { finish } from '../../../runtime/detect/carry.ts';
import { compare } from '../../../runtime/detect/compare.ts';
import { planOf, roiAt, scene, type Thing, Watch } from '../../support/scenes.ts';

const LEFT = roiAt('left', 'inventory', 20, 20, 40, 60);
const RIGHT = roiAt('right', 'interaction', 100, 20, 40, 60);
const GOODS: Thing = { x: 30, y: 40, width: 20, height: 35, seed: 11 };
const handAt = (x: number): Thing => ({ x, y: 25, width: 16, height: 45, seed: 5 });
const both = () => new Watch(planOf([LEFT, RIGHT]));

describe('compare', () => {
  for (const fps of [2, 5, 10, 30]) {
    it(`finds a hand that comes and goes at ${fps} fps, with start, end and no change of stock`, () => {
      const watch = both().show(4, fps, () => ({}));
      const from = watch.at;
      watch.show(2, fps, (t) => ({ things: [handAt(104 + 12 * Math.abs(Math.sin(t * 3)))] })).show(4, fps, () => ({}));
      const [event, ...others] = watch.of('interaction_detected');
      assert.deepEqual(others, []);
      assert.deepEqual(event?.rois, ['right']);
      assert.ok(
        Math.abs((event?.startedAt ?? 0) - from) <= 1000 / fps + 10,
        `start off by ${(event?.startedAt ?? 0) - from}`,
      );
      assert.ok(Math.abs((event?.endedAt ?? 0) - from - 2000) <= 1000 / fps + 10);
      assert.equal(event?.stockChanged, null);
      assert.equal(watch.of('interaction_detected', 'start')[0]?.event, event?.event);
    });
  }

  it('tells that goods were taken, and that they came back, each with an event of the stock', () => {
    const watch = both().show(3, 10, () => ({ things: [GOODS] }));
    const reach = (t: number) => handAt(24 + 10 * Math.abs(Math.sin(t * 4)));
    watch.show(1.5, 10, (t) => ({ things: [GOODS, reach(t)] })).show(5, 10, () => ({}));
    watch.show(1.5, 10, (t) => ({ things: [reach(t)] })).show(5, 10, () => ({ things: [GOODS] }));
    const events = watch.of('interaction_detected');
    assert.deepEqual(
      events.map((event) => [event.rois[0], event.stockChanged]),
      [
        ['left', true],
        ['left', true],
      ],
    );
    assert.deepEqual(
      watch.of('stock_changed').map((event) => event.parent),
      events.map((event) => event.event),
    );
    assert.deepEqual(watch.of('stock_changed', 'start').length, 2);
  });

  it('says why it fired and names pictures from before, during and after', () => {
    const watch = both().show(3, 10, () => ({ things: [GOODS] }));
    const came = watch.at;
    watch.show(1, 10, (t) => ({ things: [GOODS, handAt(24 + 10 * t)] }));
    const left = watch.at;
    watch.show(4, 10, () => ({}));
    const [event] = watch.of('interaction_detected');
    const time = (frame: string | undefined) => Number(frame?.slice(1));
    assert.ok(time(event?.frames.pre) <= came);
    assert.ok(time(event?.frames.during) > came && time(event?.frames.during) <= left + 500);
    assert.ok(time(event?.frames.post) > left);
    const details = event?.details as Record<string, Record<string, unknown>>;
    assert.equal(event?.details['roi_version'], 1);
    assert.deepEqual(details['thresholds']?.['interaction'], { value: 0.08, source: 'default' });
    assert.ok(Number(details['scores']?.['peak']) > 0.08);
    assert.match(String(details['decision']?.['started']), /score above/);
    assert.match(String(details['decision']?.['ended']), /nothing moves/);
  });

  it('shows what moved as the picture from during, also where what is left differs most', () => {
    // A cloth that settles: each picture covers a little more than the one before.
    const cloth = (t: number): Thing => ({
      x: 104,
      y: 24,
      width: 34,
      height: Math.min(46, Math.round(42 + 2 * t)),
      seed: 21,
    });
    const watch = both().show(3, 4, () => ({}));
    watch.show(1.6, 4, (t) => ({ things: [handAt(104 + 8 * t)] })).show(6, 4, (t) => ({ things: [cloth(t)] }));
    const [event] = watch.of('interaction_detected');
    const time = (frame: string | undefined) => Number(frame?.slice(1));
    assert.ok(Number(event?.score) > 0.5, `the cloth differs most: ${event?.score}`);
    assert.ok(time(event?.frames.during) < time(event?.frames.post), JSON.stringify(event?.frames));
  });

  it('is not misled by a light ramp, a light switch, or noise', () => {
    const quiet = both().show(3, 10, () => ({ things: [GOODS] }));
    quiet.show(10, 10, (t) => ({ things: [GOODS], offset: t * 4, gain: 1 - t * 0.03 }));
    quiet.show(4, 10, () => ({ things: [GOODS], offset: -20, gain: 0.6 }));
    quiet.show(4, 10, () => ({ things: [GOODS], offset: 25, gain: 1.1 }));
    quiet.show(4, 10, () => ({ things: [GOODS], noise: 6 }));
    assert.deepEqual(quiet.events, []);
  });

  it('still finds a hand while the light changes', () => {
    const watch = both().show(3, 10, () => ({}));
    watch
      .show(2, 10, (t) => ({ offset: t * 10, things: [handAt(104 + 8 * t)] }))
      .show(3, 10, (t) => ({ offset: 20 + t * 5 }));
    assert.deepEqual(
      watch.of('interaction_detected').map((event) => event.rois[0]),
      ['right'],
    );
  });

  it('needs as many pictures in a row as the plan asks for', () => {
    const watch = both().show(3, 10, () => ({}));
    watch.show(0.1, 10, () => ({ things: [handAt(108)] })).show(3, 10, () => ({}));
    assert.deepEqual(watch.events, []);
  });

  it('finds at one picture in 30 s that something was taken', () => {
    const watch = both()
      .show(180, 1 / 30, () => ({ things: [GOODS] }))
      .show(150, 1 / 30, () => ({}));
    const [event, ...others] = watch.of('interaction_detected');
    assert.deepEqual(others, []);
    assert.equal(event?.stockChanged, true);
  });

  it('finds every visit from the moment on at which a strict threshold is lowered', () => {
    const visits = (watch: Watch) => {
      for (let n = 0; n < 6; n += 1) {
        const fingers = (t: number): Thing => ({ x: 110 + 5 * Math.sin(t * 9), y: 25, width: 10, height: 26, seed: 5 });
        watch.show(4, 5, (t) => ({ things: [fingers(t)] })).show(4, 5, () => ({}));
      }
    };
    const plan = (value: number) => planOf([RIGHT], { thresholds: { right: { value, source: 'roi' } } });
    const watch = new Watch(plan(0.95)).show(4, 5, () => ({}));
    visits(watch);
    assert.deepEqual(watch.of('interaction_detected'), [], 'the strict threshold lets none through');
    watch.plan = plan(0.08);
    visits(watch);
    assert.equal(watch.of('interaction_detected').length, 6);
  });

  it('opens and closes one event while the camera is covered, and none of an ROI', () => {
    const watch = both().show(3, 10, () => ({}));
    watch.show(6, 10, () => ({ gain: 0.02, offset: 15 })).show(4, 10, () => ({}));
    const [event] = watch.of('camera_obstructed');
    assert.equal(watch.events.length, 2);
    assert.ok(Math.abs((event?.endedAt ?? 0) - (event?.startedAt ?? 0) - 6000) < 500);
    assert.ok(watch.decisions.includes('obstructed'));
  });

  it('takes a moved camera for one shift of the scene and learns the new one', () => {
    const watch = both()
      .show(3, 10, () => ({}))
      .show(8, 10, () => ({ pan: 23 }));
    assert.deepEqual(
      watch.events.map((event) => `${event.type} ${event.phase}`),
      ['scene_shifted start', 'scene_shifted end'],
    );
    assert.equal(watch.decisions.at(-1), 'quiet');
    watch.show(2, 10, (t) => ({ pan: 23, things: [handAt(104 + 8 * t)] })).show(3, 10, () => ({ pan: 23 }));
    assert.equal(watch.of('interaction_detected').length, 1);
  });

  it('sees nothing in ignored areas', () => {
    const watch = new Watch(planOf([RIGHT, roiAt('clock', 'ignore', 96, 16, 48, 68)])).show(3, 10, () => ({}));
    watch.show(2, 10, (t) => ({ things: [handAt(104 + 8 * t)] }));
    assert.deepEqual(watch.events, []);
  });

  it('answers late for an older picture and leaves the state alone', () => {
    const watch = both().show(3, 10, () => ({}));
    const before = watch.state;
    const { state, report } = compare(before, scene(), watch.at - 50, 'old', watch.plan, watch.newId);
    assert.equal(report.decision, 'late');
    assert.equal(state, before);
  });

  it('begins anew when the clock was set back by more than a day', () => {
    const watch = both().show(3, 10, () => ({}));
    const { report } = compare(watch.state, scene(), watch.at - 2 * 86_400_000, 'old', watch.plan, watch.newId);
    assert.equal(report.decision, 'learning');
  });

  it('closes the open event of an ROI that was removed or redrawn, with the reason', () => {
    for (const rois of [[LEFT], [LEFT, roiAt('right', 'interaction', 90, 10, 60, 70)]]) {
      const watch = both()
        .show(3, 10, () => ({}))
        .show(1, 10, (t) => ({ things: [handAt(104 + 8 * t)] }));
      assert.equal(watch.events.length, 1);
      watch.plan = planOf(rois, { roiVersion: 2 });
      watch.show(0.1, 10, () => ({ things: [handAt(104)] }));
      const [event] = watch.of('interaction_detected');
      const decision = event?.details['decision'] as { ended: string };
      assert.match(decision.ended, /removed|redrawn/);
      assert.equal(event?.stockChanged, null);
      assert.equal(event?.details['roi_version'], 2);
    }
  });

  it('closes what is open over a pause of the camera, at the last picture before it', () => {
    const watch = both()
      .show(3, 10, () => ({}))
      .show(1, 10, (t) => ({ things: [handAt(104 + 8 * t)] }));
    const last = watch.at;
    watch.at += 300_000;
    watch.show(2, 10, () => ({}));
    const [event] = watch.of('interaction_detected');
    assert.equal(event?.endedAt, last);
    assert.equal(watch.of('interaction_detected', 'start').length, 1);
  });

  it('learns anew after a picture of another size, closing what is open', () => {
    const watch = both()
      .show(3, 10, () => ({}))
      .show(1, 10, (t) => ({ things: [handAt(104 + 8 * t)] }));
    watch.put({ width: 160, height: 120, pixels: new Uint8Array(160 * 120).fill(90) }, watch.at + 100);
    assert.equal(watch.of('interaction_detected').length, 1);
    assert.equal(watch.decisions.at(-1), 'learning');
  });

  it('lets a doubled end timeout hold events open for longer', () => {
    const taken = (timeout: number) => {
      const plan = planOf([LEFT], { endTimeoutMs: { value: timeout, source: 'device' } });
      const watch = new Watch(plan).show(3, 10, () => ({ things: [GOODS] }));
      watch.show(1, 10, (t) => ({ things: [GOODS, handAt(24 + 10 * t)] }));
      const left = watch.at;
      while (watch.of('interaction_detected').length === 0) watch.show(0.1, 10, () => ({}));
      return watch.at - left;
    };
    assert.ok(taken(6000) > 1.6 * taken(3000));
  });

  it('closes what is open at the end of footage, judging what lies still', () => {
    const watch = both().show(3, 10, () => ({ things: [GOODS] }));
    watch.show(1, 10, (t) => ({ things: [GOODS, handAt(24 + 10 * t)] })).show(0.9, 10, () => ({}));
    assert.ok(watch.state);
    const [end] = finish(watch.state, watch.plan, watch.newId);
    assert.equal(end?.stockChanged, true);
  });

  it('works on a tiny ROI, on a tiny picture, and on an ROI that is wholly ignored', () => {
    const tiny = new Watch(planOf([roiAt('dot', 'interaction', 118, 50, 2, 2)])).show(3, 10, () => ({}));
    tiny.show(1, 10, (t) => ({ things: [handAt(106 + 8 * t)] })).show(2, 10, () => ({}));
    assert.equal(tiny.of('interaction_detected').length, 1);
    const small = new Watch(planOf([LEFT]));
    for (let i = 1; i < 5; i += 1) small.put({ width: 5, height: 3, pixels: new Uint8Array(15).fill(i * 9) }, i * 100);
    assert.deepEqual(small.events, []);
  });
});
