import assert from 'node:assert/strict';
import sharp from 'sharp';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { decodeGrey } from '../../../runtime/picture/grey.ts';

const flat = (width: number, height: number, background: { r: number; g: number; b: number }) =>
  sharp({ create: { width, height, channels: 3, background } });
const GREY = { r: 100, g: 100, b: 100 };

describe('decodeGrey', () => {
  it('makes the longer side 160 pixels and keeps the shape, whatever the size', async () => {
    const sizes = [
      [1920, 1080, 160, 90],
      [640, 480, 160, 120],
      [80, 45, 160, 90],
      [480, 640, 120, 160],
    ] as const;
    for (const [width, height, across, down] of sizes) {
      const picture = await decodeGrey(await flat(width, height, GREY).jpeg().toBuffer());
      assert.deepEqual([picture.width, picture.height, picture.pixels.length], [across, down, across * down]);
    }
  });

  it('answers brightness: luma of colour, and grey pictures as they are', async () => {
    const red = await decodeGrey(await flat(320, 180, { r: 255, g: 0, b: 0 }).jpeg({ quality: 100 }).toBuffer());
    assert.ok(Math.abs((red.pixels[5000] ?? 0) - 76) <= 2);
    const grey = await decodeGrey(await flat(320, 180, GREY).greyscale().jpeg().toBuffer());
    assert.ok(Math.abs((grey.pixels[5000] ?? 0) - 100) <= 2);
  });

  it('refuses what is no picture or is cut short', async () => {
    const whole = await flat(640, 480, GREY).jpeg().toBuffer();
    for (const bytes of [Buffer.from('no picture'), Buffer.alloc(0), whole.subarray(0, whole.length >> 1)]) {
      await assert.rejects(decodeGrey(bytes), (error) => error instanceof AppError && error.code === 'frame.malformed');
    }
  });
});
