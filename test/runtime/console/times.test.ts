import assert from 'node:assert/strict';
import { bytes, percent, relative, span } from '../../../runtime/console/shell/times.ts';

describe('times and amounts as the console says them', () => {
  it('says spans in at most two units', () => {
    const spans: [ms: number, text: string][] = [
      [0, '0 s'],
      [2500, '2.5 s'],
      [40_000, '40 s'],
      [60_000, '1 min'],
      [125_000, '2 min 5 s'],
      [3_600_000, '1 h'],
      [7_500_000, '2 h 5 min'],
      [12.5 * 86_400_000, '12 d'],
    ];
    for (const [ms, text] of spans) assert.equal(span(ms), text);
  });

  it('says how long ago in one unit, and what is ahead', () => {
    assert.equal(relative(10_000, 11_000), 'now');
    assert.equal(relative(0, 59_000), '59 s ago');
    assert.equal(relative(0, 3 * 3_600_000 + 5), '3 h ago');
    assert.equal(relative(130_000, 0), 'in 2 min');
  });

  it('gives shares and bytes the digits they need', () => {
    assert.deepEqual([0.08, 0.3364, 0.005, 1].map(percent), ['8 %', '34 %', '0.5 %', '100 %']);
    assert.deepEqual([12, 1500, 78_443e6].map(bytes), ['12 B', '1.5 kB', '78.4 GB']);
  });
});
