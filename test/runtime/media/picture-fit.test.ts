import assert from 'node:assert/strict';
import sharp from 'sharp';
import { readJpegHeader } from '../../../runtime/media/jpeg-header.ts';
import { fitJpeg, fitSize } from '../../../runtime/media/picture-fit.ts';

function jpegOf(width: number, height: number, quality: number): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: '#a06030' } })
    .jpeg({ quality })
    .toBuffer();
}

describe("a JPEG's header", () => {
  it('tells size and quality', async () => {
    for (const quality of [30, 50, 80, 95]) {
      assert.deepEqual(readJpegHeader(await jpegOf(320, 200, quality)), { width: 320, height: 200, quality });
    }
    // Below that, table entries reach their limit and the estimate comes out a little high.
    const { quality = 0 } = readJpegHeader(await jpegOf(320, 200, 15)) ?? {};
    assert.ok(quality >= 15 && quality <= 18, `${quality}`);
  });

  it('is refused where there is none', async () => {
    const jpeg = await jpegOf(16, 16, 80);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('<html>'),
      jpeg.subarray(0, 20),
      Buffer.from([0xff, 0xd8, 0xff]),
    ]) {
      assert.equal(readJpegHeader(bytes), undefined);
    }
  });
});

describe('fitting a picture', () => {
  it('keeps proportions inside the box and never enlarges', () => {
    assert.deepEqual(fitSize(1280, 720, { width: 640 }), { width: 640, height: 360 });
    assert.deepEqual(fitSize(1280, 720, { width: 640, height: 100 }), { width: 178, height: 100 });
    assert.deepEqual(fitSize(640, 360, { width: 1920, height: 1080 }), { width: 640, height: 360 });
    assert.deepEqual(fitSize(640, 360, {}), { width: 640, height: 360 });
  });

  it('lets a picture that already fits pass as it is', async () => {
    const jpeg = await jpegOf(320, 200, 80);
    const picture = await fitJpeg(jpeg, 1000, { width: 640, jpegQuality: 80 });
    assert.equal(picture.jpeg, jpeg);
    assert.deepEqual([picture.width, picture.height, picture.jpegQuality, picture.capturedAt], [320, 200, 80, 1000]);
  });

  it('never pretends to a quality that the picture lost before', async () => {
    const jpeg = await jpegOf(320, 200, 40);
    const picture = await fitJpeg(jpeg, 0, { jpegQuality: 95 });
    assert.equal(picture.jpeg, jpeg);
    assert.equal(picture.jpegQuality, 40);
  });

  it('makes smaller and plainer what is asked smaller and plainer', async () => {
    const picture = await fitJpeg(await jpegOf(320, 200, 95), 0, { width: 160, jpegQuality: 50 });
    assert.deepEqual(readJpegHeader(picture.jpeg), { width: 160, height: 100, quality: 50 });
    assert.deepEqual([picture.width, picture.height, picture.jpegQuality], [160, 100, 50]);
  });

  it('says so when it is given no JPEG, or a broken one', async () => {
    await assert.rejects(fitJpeg(Buffer.from('no'), 0, {}), { code: 'camera.no_picture' });
    const broken = (await jpegOf(320, 200, 95)).subarray(0, 640);
    await assert.rejects(fitJpeg(broken, 0, { width: 100 }), { code: 'camera.no_picture' });
  });
});
