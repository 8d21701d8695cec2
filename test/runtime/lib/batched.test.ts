import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { batched } from '../../../runtime/lib/batched.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const CROWD = { size: 8, withinMs: 100, gatherMs: 40, enough: 64 };

/** A question that doubles numbers, with the batches it was asked in. */
function doubling(fail: (numbers: readonly number[]) => Error | undefined = () => undefined) {
  const clock = new FakeClock();
  const batches: (readonly number[])[] = [];
  const double = batched<number, number>({
    crowd: CROWD,
    clock,
    keyOf: String,
    async ask(numbers) {
      batches.push(numbers);
      const error = fail(numbers);
      if (error) throw error;
      return (number) => 2 * number;
    },
  });
  return { clock, batches, double };
}

describe('what is asked for many at once', () => {
  it('is asked at once for who comes alone, with no wait', async () => {
    const { batches, double } = doubling();
    assert.equal(await double(1), 2);
    assert.equal(await double(2), 4);
    assert.deepEqual(batches, [[1], [2]]);
  });

  it('takes together who comes while another question is under way', async () => {
    const { batches, double } = doubling();
    assert.deepEqual(await Promise.all([1, 2, 3].map(double)), [2, 4, 6]);
    assert.deepEqual(batches, [[1], [2, 3]]);
  });

  it('waits a moment for more while they come in crowds', async () => {
    const { clock, batches, double } = doubling();
    const first = Promise.all(Array.from({ length: 9 }, (_, n) => double(n)));
    await nextTurn();
    await clock.advance(40);
    await first;
    const later = [20, 21].map(double);
    await nextTurn();
    await clock.advance(20);
    later.push(double(22));
    await clock.advance(20);
    assert.deepEqual(await Promise.all(later), [40, 42, 44]);
    assert.deepEqual(batches.at(-1), [20, 21, 22]);
  });

  it('never has the same one twice in a batch, and keeps its order', async () => {
    const { batches, double } = doubling();
    await Promise.all([1, 2, 2, 3].map(double));
    assert.deepEqual(batches, [[1], [2, 3], [2]]);
  });

  it('lets nobody fail for what another asked', async () => {
    const { batches, double } = doubling((numbers) => (numbers.includes(3) ? new Error('three') : undefined));
    const answers = await Promise.allSettled([1, 2, 3, 4].map(double));
    assert.deepEqual(
      answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : String(answer.reason))),
      [2, 4, 'Error: three', 8],
    );
    assert.deepEqual(batches, [[1], [2, 3, 4], [2], [3], [4]]);
  });

  it('does not ask a database that is away again for each', async () => {
    const { batches, double } = doubling(() => new AppError('db.unavailable', 'away'));
    const answers = await Promise.allSettled([1, 2, 3].map(double));
    assert.ok(answers.every(({ status }) => status === 'rejected'));
    assert.deepEqual(batches, [[1], [2, 3]]);
    await assert.rejects(double(4), /away/, 'and it asks again afterwards');
  });
});
