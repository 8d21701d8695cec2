import assert from 'node:assert/strict';
import sharp from 'sharp';
import { makeThumbnail } from '../../../runtime/picture/thumbnail.ts';
import { plainJpeg } from '../../support/frames-fixture.ts';

describe('thumbnail', () => {
  it('is a JPEG 320 px wide that keeps the shape of the picture', async () => {
    const { jpeg, width, height } = await makeThumbnail(await plainJpeg(1280, 720));
    const meta = await sharp(jpeg).metadata();
    assert.deepEqual([meta.format, meta.width, meta.height], ['jpeg', 320, 180]);
    assert.deepEqual([width, height], [320, 180]);
  });

  it('never enlarges', async () => {
    const { width, height } = await makeThumbnail(await plainJpeg(100, 60));
    assert.deepEqual([width, height], [100, 60]);
  });

  it('stands upright and carries no metadata', async () => {
    const turned = await sharp(await plainJpeg(640, 320))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { jpeg, width, height } = await makeThumbnail(turned);
    assert.deepEqual([width, height], [320, 640]);
    assert.equal((await sharp(jpeg).metadata()).orientation, undefined);
  });

  it('refuses what is no picture, and a picture over 50 megapixels', async () => {
    await assert.rejects(makeThumbnail(Buffer.from('not a picture')));
    const huge = await plainJpeg();
    const sizes = huge.indexOf(Buffer.from([0xff, 0xc0])) + 5;
    huge.writeUInt16BE(5100, sizes);
    huge.writeUInt16BE(10_000, sizes + 2);
    await assert.rejects(makeThumbnail(huge), /pixel limit/i);
  });
});
