import { setInterval } from 'node:timers';

// A child that does what its first argument says: the name of a habit.
const [, , habit = ''] = process.argv;
const say = (message: object) => process.send?.(message);

say({ type: 'alive' });
if (habit === 'chatty')
  process.stdout.write(`plain words\n{"level":"warn","msg":"a line of its own","scope":"x","n":1}\n`);
if (habit === 'flood') for (let n = 0; n < 5000; n += 1) process.stdout.write(`line ${n}\n`);
if (habit === 'strange') {
  for (const message of [
    null,
    'text',
    { type: 'spool' },
    { type: 'spool', call: 1, still: { jpeg: 'no' } },
    { type: 'report' },
  ]) {
    process.send?.(message);
  }
}
if (habit === 'crash') setTimeout(() => process.exit(3), 20);
if (habit === 'loop') {
  setTimeout(() => {
    for (;;);
  }, 50);
}
if (habit === 'deaf') setInterval(() => say({ type: 'alive' }), 1000);
else {
  setInterval(() => say({ type: 'alive' }), 1000);
  process.on('message', (message: { type: string }) => {
    if (message.type === 'stop') process.exit(0);
    else say({ type: 'report', cameras: [], flows: message.type, nodeTypes: [], rssMb: 1 });
  });
  process.on('disconnect', () => process.exit(0));
}
