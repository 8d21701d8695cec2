import { randomBytes } from 'node:crypto';
import { outboxIn, picture } from './support.ts';

// Keeps, steps, buries and removes pictures as fast as it can, telling what it knows line by line, until somebody kills it.
const [, , data = ''] = process.argv;
const outbox = outboxIn(data, { maxBytes: 1_000_000_000 });
await outbox.start();

for (;;) {
  const ids = [1, 2, 3].map(() => randomBytes(16).toString('hex'));
  await Promise.all(
    ids.map(async (id) => {
      await outbox.add(id, picture(id, Math.ceil(Math.random() * 500_000) + 100));
      process.stdout.write(`kept ${id}\n`);
    }),
  );
  const [one, two, three] = outbox.waiting();
  if (one) {
    process.stdout.write(`gone ${one.id}\n`);
    await outbox.remove(one);
  }
  if (two) await outbox.bury(two, 'no_answer');
  if (three && three.step < 5) await outbox.step(three);
}
