import assert from 'node:assert/strict';
import type { Scene } from '../../../../runtime/media/sim/scene.ts';
import { createShelf, lightAt } from '../../../../runtime/media/sim/shelf.ts';
import { SHELF_CYCLE_MS, shelfRois, shelfTime, shelfTimetable } from '../../../../runtime/media/sim/shelf-timetable.ts';

const SIZE = { width: 640, height: 360 };
/** A cycle that begins on a known epoch ms. */
const CYCLE = 10_000 * SHELF_CYCLE_MS;

describe('the shelf', () => {
  let scene: Scene;

  before(async () => {
    scene = await createShelf(SIZE);
  });

  /** Share of a ROI's 8 × 8 windows whose mean changed from one time of the cycle to another, light taken out. */
  function changed(roi: string, fromMs: number, toMs: number): number {
    const points = shelfRois.find(({ name }) => name === roi)?.points ?? [];
    const xs = points.map(([x]) => Math.round(x * SIZE.width));
    const ys = points.map(([, y]) => Math.round(y * SIZE.height));
    const means = [fromMs, toMs].map((atMs) => {
      const pixels = scene.render(CYCLE + atMs);
      const found: number[] = [];
      for (let y = Math.min(...ys); y + 8 <= Math.max(...ys); y += 8) {
        for (let x = Math.min(...xs); x + 8 <= Math.max(...xs); x += 8)
          found.push(meanAt(pixels, x, y) / lightAt(atMs));
      }
      return found;
    });
    const [before = [], later = []] = means;
    return before.filter((mean, i) => Math.abs(mean - (later[i] ?? 0)) > 12).length / before.length;
  }

  function meanAt(pixels: Uint8Array, left: number, top: number): number {
    let sum = 0;
    for (let y = top; y < top + 8; y++) {
      for (let x = left; x < left + 8; x++) {
        const at = (y * SIZE.width + x) * 3;
        sum += ((pixels[at] ?? 0) + (pixels[at + 1] ?? 0) + (pixels[at + 2] ?? 0)) / 3;
      }
    }
    return sum / 64;
  }

  for (const [index, visit] of shelfTimetable.entries()) {
    const { roi, startMs, endMs, stockChanged } = visit;
    const others = shelfRois.map(({ name }) => name).filter((name) => name !== roi);

    it(`has visit ${index + 1} to the ${roi} when the timetable says so, there and nowhere else`, () => {
      const [quietBefore, quietAfter] = [startMs - 400, endMs + 400];
      const middle = (startMs + endMs) / 2;
      assert.ok(changed(roi, quietBefore, startMs - 20) === 0, 'nobody is there before the start');
      for (const atMs of [startMs + 800, middle, endMs - 800]) {
        assert.ok(changed(roi, quietBefore, atMs) > 0.08, `${atMs}: ${changed(roi, quietBefore, atMs)}`);
        for (const other of others) assert.equal(changed(other, quietBefore, atMs), 0, other);
      }
      assert.equal(changed(roi, endMs + 20, quietAfter), 0, 'nobody is there after the end');
      const gone = changed(roi, quietBefore, quietAfter);
      if (stockChanged) assert.ok(gone > 0.08, `stock differs in ${gone}`);
      else assert.equal(gone, 0);
    });
  }

  it('shows an operator something within 15 s of any moment', () => {
    const starts = shelfTimetable.map(({ startMs }) => startMs);
    const gaps = starts.map((start, i) => (starts[i + 1] ?? (starts[0] ?? 0) + SHELF_CYCLE_MS) - start);
    assert.ok(Math.max(...gaps) <= 15_000);
    for (const { startMs, endMs } of shelfTimetable) assert.ok(endMs - startMs >= 3000 && endMs - startMs <= 5000);
  });

  it('is complete again at the end of its cycle, so that it can go round', () => {
    for (const { name } of shelfRois) assert.equal(changed(name, 0, SHELF_CYCLE_MS - 1), 0);
    assert.equal(shelfTime(CYCLE + 17), 17);
    assert.equal(shelfTime(-1), SHELF_CYCLE_MS - 1);
  });

  it('is the same in every process at the same time, and never twice the same to the pixel', async () => {
    const other = await createShelf(SIZE);
    const atMs = CYCLE + 3500;
    const here = Buffer.from(scene.render(atMs));
    assert.ok(here.equals(Buffer.from(other.render(atMs))));
    assert.ok(!here.equals(Buffer.from(scene.render(atMs + 33))));
  });

  it('has moderate noise and light that changes slowly, by 8 % at most', () => {
    const times = Array.from({ length: 1200 }, (_, i) => i * 100);
    const lights = times.map(lightAt);
    assert.ok(Math.max(...lights) <= 1.08 && Math.min(...lights) >= 0.92);
    assert.ok(Math.max(...lights) - Math.min(...lights) > 0.08);
    const steps = lights.slice(1).map((light, i) => Math.abs(light - (lights[i] ?? light)));
    assert.ok(Math.max(...steps) < 0.001);
    const [a, b] = [Buffer.from(scene.render(CYCLE)), Buffer.from(scene.render(CYCLE + 1))];
    let squares = 0;
    for (let i = 0; i < a.length; i++) squares += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    const sigma = Math.sqrt(squares / a.length / 2);
    assert.ok(sigma > 1 && sigma < 3, `${sigma}`);
  });
});
