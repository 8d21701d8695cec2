import assert from 'node:assert/strict';
import { decodeState, encodeState } from '../../../runtime/detect/codec.ts';
import { createShelf } from '../../../runtime/media/sim/shelf.ts';
import { SHELF_CYCLE_MS, shelfRois, shelfTimetable } from '../../../runtime/media/sim/shelf-timetable.ts';
import { planOf, roiAt, type Thing, Watch } from '../../support/scenes.ts';

const ROI = roiAt('shelf', 'inventory', 50, 10, 50, 56);
const GOODS: Thing = { x: 60, y: 30, width: 20, height: 34, seed: 11 };
const SECOND = { endTimeoutMs: { value: 1000, source: 'device' as const } };
/** A hand whose fingers are `reach` pixels above the picture's lower edge; the arm leads there. */
const handUp = (reach: number): Thing => ({ x: 66, y: 90 - reach, width: 22, height: reach, seed: 5 });
const REACH = 55;

/** A hand comes within a second, keeps dead still for `hold` seconds, and goes within another. */
function visit(watch: Watch, fps: number, hold: number, before: Thing[], after: Thing[]): Watch {
  return watch
    .show(1, fps, (t) => ({ things: [...before, handUp(REACH * t)] }))
    .show(hold, fps, () => ({ things: [...before, handUp(REACH)] }))
    .show(1, fps, (t) => ({ things: [...after, handUp(REACH * (1 - t))] }))
    .show(5, fps, () => ({ things: after }));
}

const stockOf = (watch: Watch) => watch.of('interaction_detected').map((event) => event.stockChanged);

describe('a hand that keeps still', () => {
  for (const fps of [2, 5]) {
    it(`longer than the end timeout and takes nothing is one interaction without a change of stock, at ${fps} fps`, () => {
      const watch = new Watch(planOf([ROI], SECOND)).show(4, fps, () => ({ things: [GOODS] }));
      visit(watch, fps, 4, [GOODS], [GOODS]);
      assert.deepEqual(stockOf(watch), [false]);
      assert.deepEqual(watch.of('stock_changed'), []);
    });

    it(`and then takes something is one interaction with a change of stock, which ends when it leaves, at ${fps} fps`, () => {
      const watch = new Watch(planOf([ROI], SECOND)).show(4, fps, () => ({ things: [GOODS] }));
      const came = watch.at;
      visit(watch, fps, 4, [GOODS], []);
      assert.deepEqual(stockOf(watch), [true]);
      const ended = (watch.of('interaction_detected')[0]?.endedAt ?? 0) - came;
      assert.ok(ended > 5000 && ended < 6800, `it ended after ${ended} ms`);
    });

    it(`in the picture at switch-on says nothing of the stock, then or at the next visit, at ${fps} fps`, () => {
      const watch = new Watch(planOf([ROI], SECOND));
      watch.show(1.5, fps, () => ({ things: [GOODS, handUp(REACH)] }));
      watch
        .show(1, fps, (t) => ({ things: [GOODS, handUp(REACH * (1 - t))] }))
        .show(5, fps, () => ({ things: [GOODS] }));
      assert.deepEqual(watch.events, []);
      visit(watch, fps, 3, [GOODS], [GOODS]);
      assert.deepEqual(stockOf(watch), [false]);
    });
  }

  it('is not waited for when goods without an arm lie still: that ends as soon as before', () => {
    const watch = new Watch(planOf([ROI], SECOND)).show(4, 10, () => ({}));
    visit(watch, 10, 0.1, [], [GOODS]);
    assert.deepEqual(stockOf(watch), [true]);
  });

  it('is waited for ten end timeouts at most', () => {
    const watch = new Watch(planOf([ROI], SECOND)).show(4, 5, () => ({}));
    watch.show(1, 5, (t) => ({ things: [handUp(REACH * t)] })).show(9, 5, () => ({ things: [handUp(REACH)] }));
    assert.deepEqual(stockOf(watch), []);
    watch.show(3, 5, () => ({ things: [handUp(REACH)] }));
    assert.equal(stockOf(watch).length, 1);
  });
});

describe('a state of the version before', () => {
  it('is read, and goes on from there', () => {
    const watch = new Watch(planOf([ROI], SECOND)).show(4, 5, () => ({ things: [GOODS] }));
    assert.ok(watch.state);
    const { changedSince: _since, unproven: _unproven, ...old } = watch.state;
    const bytes = encodeState(old);
    bytes[3] = 1;
    watch.state = decodeState(bytes);
    assert.ok(watch.state);
    visit(watch, 5, 3, [GOODS], []);
    assert.deepEqual(stockOf(watch), [true]);
  });
});

describe('the built-in shelf, switched on at any moment', function () {
  this.timeout(30_000);
  const CYCLE = 10_000 * SHELF_CYCLE_MS;
  const [taken, , touched] = shelfTimetable;

  for (const [what, visited] of [
    ['taken', taken],
    ['touched', touched],
  ] as const) {
    it(`never says something else than its timetable where a thing is ${what}`, async () => {
      assert.ok(visited);
      const shelf = await createShelf({ width: 160, height: 90 });
      for (let ahead = 3000; ahead >= -3000; ahead -= 1000) {
        const rois = shelfRois.filter(({ name }) => name === visited.roi);
        const watch = new Watch(planOf(rois, SECOND));
        for (let at = visited.startMs - ahead; at < visited.endMs + 3000; at += 350) {
          const rgb = shelf.render(CYCLE + SHELF_CYCLE_MS + at);
          const pixels = Uint8Array.from({ length: 160 * 90 }, (_, i) => rgb[i * 3 + 1] ?? 0);
          watch.put({ width: 160, height: 90, pixels }, CYCLE + SHELF_CYCLE_MS + at);
        }
        const stock = stockOf(watch);
        assert.ok(stock.length <= 1 && stock.every((one) => one === visited.stockChanged), `${ahead}: ${stock}`);
        if (ahead > 2500) assert.equal(stock.length, 1, `${ahead}: seen`);
      }
    });
  }
});
