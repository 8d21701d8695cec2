import assert from 'node:assert/strict';
import { YoungGarbage } from '../../../runtime/lib/young-garbage.ts';

describe('young garbage', () => {
  it('is cleared once so many bytes were dropped, and counts from there again', () => {
    let collected = 0;
    const garbage = new YoungGarbage({
      everyBytes: 100,
      collect: () => {
        collected += 1;
      },
    });
    for (const bytes of [40, 40, 40, 99, 1]) garbage.dropped(bytes);
    assert.equal(collected, 2);
  });

  it('really frees buffers that nobody holds', () => {
    const garbage = new YoungGarbage({ everyBytes: 1 });
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 40; n += 1) Buffer.allocUnsafe(256 * 1024).fill(n);
    const full = process.memoryUsage().arrayBuffers;
    // Freed by a background task of V8: looked at until it is so.
    for (let n = 0; n < 1000 && process.memoryUsage().arrayBuffers > before + (full - before) / 2; n += 1)
      garbage.dropped(1);
    assert.ok(process.memoryUsage().arrayBuffers <= before + (full - before) / 2);
  });
});
