import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import sharp from 'sharp';
import type { GreyPicture } from '../../../runtime/contracts/detection.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { createShelf } from '../../../runtime/media/sim/shelf.ts';
import { decodeGrey, decodePlain } from '../../../runtime/picture/grey.ts';
import { readPlainJpeg } from '../../../runtime/picture/jpeg-plain.ts';

const SIDE = 160;
/** Behind the end of a picture it changes nothing but its length, and so who decodes it. */
const TOO_LONG = Buffer.alloc(1100 * 1024);
/** Marker and length of a DRI segment. */
const RESTART_INTERVAL = Buffer.from([0xff, 0xdd, 0, 4]);

type Picture = ReturnType<typeof sharp>;

let drawn: Promise<Buffer> | undefined;

/** The built-in scene, drawn once. */
async function scene(width: number, height: number): Promise<Picture> {
  const size = { width: 960, height: 540 };
  drawn ??= createShelf(size).then((shelf) => Buffer.from(shelf.render(4000)));
  const rgb = await sharp(await drawn, { raw: { ...size, channels: 3 } })
    .resize(width, height, { fit: 'fill' })
    .raw()
    .toBuffer();
  return sharp(rgb, { raw: { width, height, channels: 3 } });
}

/** What a small picture should show: all pixels of the whole one, averaged under each new pixel. */
async function averagedBySize(jpeg: Buffer, { width, height }: GreyPicture): Promise<Float64Array> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  const sums = new Float64Array(width * height);
  const shares = new Float64Array(width * height);
  const cut = (at: number, from: number, to: number): [number, number][] => {
    const [begin, end] = [(at * to) / from, ((at + 1) * to) / from];
    const middle = Math.min(end, Math.floor(begin) + 1);
    return [
      [Math.floor(begin), middle - begin],
      [Math.min(to - 1, Math.floor(begin) + 1), end - middle],
    ];
  };
  const columns = Array.from({ length: info.width }, (_, column) => cut(column, info.width, width));
  for (let row = 0; row < info.height; row += 1) {
    for (const [y, down] of cut(row, info.height, height)) {
      columns.forEach((parts, column) => {
        const at = (row * info.width + column) * info.channels;
        const [red = 0, green = red, blue = red] = info.channels < 3 ? [data[at]] : data.subarray(at, at + 3);
        for (const [x, across] of parts) {
          sums[y * width + x] =
            (sums[y * width + x] ?? 0) + down * across * (0.299 * red + 0.587 * green + 0.114 * blue);
          shares[y * width + x] = (shares[y * width + x] ?? 0) + down * across;
        }
      });
    }
  }
  return sums.map((sum, i) => sum / (shares[i] ?? 1));
}

/**
 * In the size that sharp would have answered; on average within a level of the whole picture's mean under each pixel, or a quarter
 * of a level from as near to it as sharp where a pixel is no whole number of eighths.
 */
async function assertAgrees(jpeg: Buffer, what: string): Promise<void> {
  const own = decodeOwn(jpeg);
  assert.ok(own, `${what}: left to sharp`);
  const other = await decodeGrey(Buffer.concat([jpeg, TOO_LONG]));
  assert.deepEqual([own.width, own.height], [other.width, other.height], what);
  const right = await averagedBySize(jpeg, own);
  const off = (pixels: Uint8Array) =>
    pixels.reduce((sum, value, i) => sum + Math.abs(value - (right[i] ?? 0)), 0) / pixels.length;
  assert.ok(
    off(own.pixels) < Math.max(1, off(other.pixels) + 0.25),
    `${what}: ${off(own.pixels)} levels off, and sharp is ${off(other.pixels)}`,
  );
}

/** What our own decoder makes of it. */
function decodeOwn(jpeg: Buffer): GreyPicture | undefined {
  const plain = readPlainJpeg(jpeg);
  return plain && decodePlain(jpeg, plain, SIDE);
}

describe('the small decoder', () => {
  it('sees each pixel as the mean of what lies under it, about as well as sharp and in the same size', async () => {
    const sizes = [
      [1600, 900],
      [1280, 720],
      [640, 480],
      [480, 640],
      [1283, 723],
      [801, 599],
      [647, 363],
      [1920, 17],
    ] as const;
    for (const [width, height] of sizes) {
      await assertAgrees(await (await scene(width, height)).jpeg({ quality: 85 }).toBuffer(), `${width}x${height}`);
    }
  });

  it('reads every quality, own and standard codes, full and halved colour, and grey', async () => {
    const picture = await scene(640, 480);
    for (const quality of [1, 12, 50, 95, 100]) {
      await assertAgrees(await picture.clone().jpeg({ quality }).toBuffer(), `quality ${quality}`);
    }
    await assertAgrees(await picture.clone().jpeg({ optimiseCoding: false }).toBuffer(), 'standard codes');
    await assertAgrees(await picture.clone().jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(), 'full colour');
    await assertAgrees(await picture.clone().greyscale().jpeg().toBuffer(), 'grey');
    await assertAgrees(
      await picture
        .clone()
        .withExif({ IFD0: { Make: 'camera' } })
        .jpeg()
        .toBuffer(),
      'with EXIF',
    );
  });

  it('reads what ffmpeg writes, with restart markers too', async () => {
    const picture = await (await scene(640, 480)).png().toBuffer();
    const plain = encode(picture, []);
    const restarted = encode(picture, ['-threads', '2', '-thread_type', 'slice', '-slices', '4']);
    assert.equal(plain.indexOf(RESTART_INTERVAL), -1);
    assert.ok(restarted.indexOf(RESTART_INTERVAL) > 0, 'no restart markers were written');
    await assertAgrees(plain, 'without');
    await assertAgrees(restarted, 'with restart markers');
    assert.deepEqual(decodeOwn(restarted)?.pixels, decodeOwn(plain)?.pixels);
  });

  it('answers the same for the same picture, whatever it decoded before', async () => {
    const [large, small] = [
      await (await scene(1280, 720)).jpeg().toBuffer(),
      await (await scene(640, 480)).jpeg().toBuffer(),
    ];
    const before = decodeOwn(small)?.pixels.slice();
    decodeOwn(large);
    decodeOwn(large.subarray(0, large.length - 1000));
    assert.deepEqual(decodeOwn(small)?.pixels, before);
  });

  it('leaves to sharp what is small, long, progressive, in other colours or has a colour profile', async () => {
    const picture = await scene(1280, 720);
    const others = {
      small: await (await scene(320, 180)).jpeg().toBuffer(),
      progressive: await picture.clone().jpeg({ progressive: true }).toBuffer(),
      cmyk: await picture.clone().toColourspace('cmyk').jpeg().toBuffer(),
      profile: await picture.clone().withIccProfile('p3').jpeg().toBuffer(),
      png: await picture.clone().png().toBuffer(),
      long: Buffer.concat([await picture.clone().jpeg().toBuffer(), TOO_LONG]),
    };
    for (const [what, bytes] of Object.entries(others)) {
      assert.equal(decodeOwn(bytes), undefined, what);
      assert.equal((await decodeGrey(bytes)).width, SIDE, what);
    }
  });

  it('never throws, and answers nothing for a picture cut anywhere', async () => {
    const jpeg = await (await scene(640, 480)).jpeg({ quality: 60 }).toBuffer();
    for (let length = 0; length < jpeg.length; length += 37) {
      assert.equal(decodeOwn(jpeg.subarray(0, length)), undefined, `${length} of ${jpeg.length} bytes`);
    }
    const end = Buffer.from([0xff, 0xd9]);
    for (const share of [0.2, 0.5, 0.9]) {
      const cut = Buffer.concat([jpeg.subarray(0, Math.floor(jpeg.length * share)), end]);
      assert.equal(decodeOwn(cut), undefined, `cut at ${share}, with an end marker`);
    }
    await assert.rejects(decodeGrey(jpeg.subarray(0, jpeg.length >> 1)), AppError);
  });

  it('survives any change of its bytes: a picture of the right size, or nothing', async () => {
    const jpeg = await (await scene(640, 480)).jpeg({ quality: 60 }).toBuffer();
    let seed = 20261121;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % below;
    };
    let nothing = 0;
    for (let n = 0; n < 600; n += 1) {
      const broken = Buffer.from(jpeg);
      // Every other one in the headers.
      const reach = n % 2 === 0 ? 700 : broken.length;
      for (let changes = 1 + random(4); changes > 0; changes -= 1) broken[random(reach)] = random(256);
      const picture = decodeOwn(broken);
      if (picture) assert.equal(picture.pixels.length, picture.width * picture.height);
      else nothing += 1;
    }
    assert.ok(nothing > 100, `${nothing} of 600 were refused`);
  });
});

function encode(picture: Buffer, options: string[]): Buffer {
  const input = ['-nostdin', '-v', 'error', '-f', 'png_pipe', '-i', 'pipe:0', ...options];
  const output = ['-c:v', 'mjpeg', '-q:v', '3', '-f', 'image2pipe', 'pipe:1'];
  const { stdout, stderr } = spawnSync('ffmpeg', [...input, ...output], { input: picture });
  assert.ok(stdout.length > 0, String(stderr));
  return stdout;
}
