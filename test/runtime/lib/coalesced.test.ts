import assert from 'node:assert/strict';
import { coalesced } from '../../../runtime/lib/coalesced.ts';

describe('work that many ask for at once', () => {
  const steps = () => {
    const open: { resolve: () => void; reject: (error: Error) => void }[] = [];
    const run = coalesced(() => new Promise<void>((resolve, reject) => open.push({ resolve, reject })));
    return { open, run };
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('is done once for who came first, and once more for all who came while it ran', async () => {
    const { open, run } = steps();
    const first = run();
    const others = [run(), run(), run()];
    assert.equal(open.length, 1);
    open[0]?.resolve();
    await first;
    await settled();
    assert.equal(open.length, 2);
    open[1]?.resolve();
    await Promise.all(others);
    assert.equal(open.length, 2);
    const again = run();
    assert.equal(open.length, 3);
    open[2]?.resolve();
    await again;
  });

  it('is done for those who wait when the run before failed, which is told to whom it was for', async () => {
    const { open, run } = steps();
    const first = run();
    const second = run();
    open[0]?.reject(new Error('the database is away'));
    await assert.rejects(first, /away/);
    await settled();
    open[1]?.resolve();
    await second;
    assert.equal(open.length, 2);
  });
});
