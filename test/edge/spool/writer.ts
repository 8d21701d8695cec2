import { createHash, randomBytes } from 'node:crypto';
import { spoolIn } from './support.ts';

// Spools frames as fast as it can and sends some away, telling what it knows line by line, until somebody kills it.
const [, , data = ''] = process.argv;
const spool = spoolIn(data, { maxBytes: 1_000_000_000 });
await spool.start();
await spool.settle(-1);

const tell = (word: string, seq: number | undefined, jpeg: Buffer) =>
  process.stdout.write(`${word} ${seq} ${createHash('sha256').update(jpeg).digest('hex')}\n`);

for (;;) {
  const meta = { camera: 'pi-cam', capturedAt: 0, width: 1, height: 1, jpegQuality: 80 };
  const jpegs = [10_000, 200_000, 1_000_000].map((most) => randomBytes(Math.ceil(Math.random() * most)));
  await Promise.all(jpegs.map(async (jpeg) => tell('spooled', (await spool.add({ meta, jpeg })).seq, jpeg)));
  if (Math.random() < 0.7) {
    const next = await spool.take();
    if (!next) continue;
    tell('sent', next.seq, next.frame.jpeg);
    await spool.acknowledge(next.seq);
  }
}
