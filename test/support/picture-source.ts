import sharp from 'sharp';

/**
 * A stand-in for a program that writes JPEGs to its standard output, for tests: started with its behaviour and a rate.
 * `steady` writes for ever · `fall-silent` stops writing after three but stays · `quit` writes three and ends well ·
 * `refuse` ends at once with words on stderr · `deaf` is steady and ignores SIGINT.
 */
const [behaviour = 'steady', fps = '20'] = process.argv.slice(2);

if (behaviour === 'refuse') {
  process.stderr.write('method DESCRIBE failed: 401 Unauthorized\n');
  process.exit(1);
}
if (behaviour === 'deaf') process.on('SIGINT', () => {});
process.stdout.on('error', () => process.exit(0));

const few = behaviour === 'fall-silent' || behaviour === 'quit';
for (let count = 1; ; count++) {
  // The shade tells one picture from the next.
  const background = { r: (count * 10) % 250, g: 0, b: 0 };
  process.stdout.write(
    await sharp({ create: { width: 32, height: 24, channels: 3, background } })
      .jpeg()
      .toBuffer(),
  );
  if (few && count === 3) break;
  await new Promise((resolve) => setTimeout(resolve, 1000 / Number(fps)));
}
if (behaviour === 'fall-silent') setInterval(() => {}, 1000);
