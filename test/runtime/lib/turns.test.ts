import assert from 'node:assert/strict';
import { Turns } from '../../../runtime/lib/turns.ts';

describe('turns', () => {
  it('are taken one after the other in the order asked for, and one that fails takes nobody else down', async () => {
    const turns = new Turns();
    const order: string[] = [];
    const work = (name: string, gate: Promise<void>) =>
      turns.take(async () => {
        order.push(`${name} begins`);
        await gate;
        order.push(`${name} ends`);
        return name;
      });
    const gate = Promise.withResolvers<void>();
    const [first, second] = [work('first', gate.promise), work('second', Promise.reject(new Error('broken')))];
    const third = work('third', Promise.resolve());
    gate.resolve();
    const answers = await Promise.allSettled([first, second, third]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    await turns.over();
    assert.deepEqual(order, ['first begins', 'first ends', 'second begins', 'third begins', 'third ends']);
  });
});
