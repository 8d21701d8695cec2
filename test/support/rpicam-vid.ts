import sharp from 'sharp';

/**
 * A stand-in for rpicam-vid: takes the options of the real one that a still camera needs and no others, and writes JPEGs of the
 * size and quality asked for. `RPICAM_CAMERAS` says how many cameras are connected (default 1).
 */
const VALUED = '--camera --timeout --codec --width --height --framerate --quality --shutter --gain --output'.split(' ');
const FLAGS = ['--nopreview', '--flush', '--list-cameras'];
const options = new Map<string, string>();
const args = process.argv.slice(2);
while (args.length > 0) {
  const name = args.shift() ?? '';
  if (VALUED.includes(name)) options.set(name, args.shift() ?? '');
  else if (FLAGS.includes(name)) options.set(name, 'on');
  else fail(`ERROR: *** unrecognised option '${name}' ***`);
}

const cameras = Number(process.env.RPICAM_CAMERAS ?? '1');
if (options.has('--list-cameras')) {
  const list =
    cameras === 0 ? 'No cameras available!\n' : 'Available cameras\n-----------------\n0 : imx708 [4608x2592]\n';
  process.stdout.write(list);
  process.exit(0);
}
if (cameras === 0) fail('ERROR: *** no cameras available ***');
if (Number(options.get('--camera')) >= cameras) fail('ERROR: *** selected camera is not available ***');
if (options.get('--codec') !== 'mjpeg') fail('ERROR: *** unrecognised codec ***');
if (options.get('--output') !== '-') fail('ERROR: *** the test wants pictures on standard output ***');
// Without --timeout 0 the real one ends after five seconds.
if (options.get('--timeout') !== '0') setTimeout(() => process.exit(0), 5000);
process.stdout.on('error', () => process.exit(0));

const [width, height] = [whole('--width'), whole('--height')];
const [quality, framerate] = [whole('--quality'), whole('--framerate')];
for (let count = 0; ; count++) {
  const background = { r: 120, g: (count * 7) % 250, b: 60 };
  process.stdout.write(
    await sharp({ create: { width, height, channels: 3, background } })
      .jpeg({ quality })
      .toBuffer(),
  );
  await new Promise((resolve) => setTimeout(resolve, 1000 / framerate));
}

function whole(name: string): number {
  const value = Number(options.get(name));
  if (!Number.isInteger(value) || value < 1) fail(`ERROR: *** bad value for ${name} ***`);
  return value;
}

function fail(words: string): never {
  process.stderr.write(`${words}\n`);
  process.exit(255);
}
