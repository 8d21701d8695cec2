import assert from 'node:assert/strict';
import sharp from 'sharp';
import { readNumber } from '../../../../runtime/media/sim/digits.ts';
import {
  COUNTER_DIGITS,
  counterAt,
  counterPlace,
  createGradient,
  patchAt,
} from '../../../../runtime/media/sim/gradient.ts';

const NOW = 1_795_000_000_000;

describe('the test pictures', () => {
  for (const size of [
    { width: 320, height: 180 },
    { width: 1280, height: 720 },
  ]) {
    it(`carry a frame counter that survives JPEG at ${size.width} pixels`, async () => {
      const scene = createGradient({ ...size, fps: 10 });
      for (const atMs of [NOW, NOW + 100, NOW + 98_765_432]) {
        const raw = { ...size, channels: 3 } as const;
        const jpeg = await sharp(scene.render(atMs), { raw }).jpeg({ quality: 60 }).toBuffer();
        const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
        const read = readNumber(data, info.width, info.channels, counterPlace(size.width), COUNTER_DIGITS);
        assert.equal(read, counterAt(atMs, 10));
      }
    });
  }

  it('count one per picture', () => {
    assert.equal(counterAt(NOW + 100, 10) - counterAt(NOW, 10), 1);
    assert.equal(counterAt(NOW + 99, 10), counterAt(NOW, 10));
  });

  it('have a patch that is where it should be', () => {
    const { width, height } = { width: 640, height: 360 };
    const scene = createGradient({ width, height, fps: 30 });
    for (const atMs of [NOW, NOW + 1000, NOW + 5300]) {
      const pixels = scene.render(atMs);
      const { x, y } = patchAt(atMs);
      const at = (Math.round(y * height) * width + Math.round(x * width)) * 3;
      assert.deepEqual([...pixels.subarray(at, at + 3)], [244, 182, 52]);
    }
    assert.notDeepEqual(patchAt(NOW), patchAt(NOW + 500));
  });

  it('do not read a number where none stands', () => {
    const pixels = new Uint8Array(320 * 180 * 3).fill(255);
    assert.equal(readNumber(pixels, 320, 3, counterPlace(320), COUNTER_DIGITS), undefined);
  });
});
