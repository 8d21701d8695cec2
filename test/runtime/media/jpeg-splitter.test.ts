import assert from 'node:assert/strict';
import sharp from 'sharp';
import { JpegSplitter } from '../../../runtime/media/jpeg-splitter.ts';

async function picture(shade: number, progressive = false): Promise<Buffer> {
  const background = { r: shade, g: 90, b: 255 - shade };
  const plain = sharp({
    create: { width: 64, height: 48, channels: 3, background, noise: { type: 'gaussian', mean: 128, sigma: 60 } },
  });
  return plain.jpeg({ progressive }).toBuffer();
}

/** A JPEG that carries another one in an application segment, as cameras put thumbnails. */
function withThumbnail(jpeg: Buffer, thumbnail: Buffer): Buffer {
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(thumbnail.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, thumbnail, jpeg.subarray(2)]);
}

function split(stream: Buffer, chunk: number, maxBytes?: number): { pictures: Buffer[]; dropped: number } {
  const pictures: Buffer[] = [];
  const splitter = new JpegSplitter((jpeg) => pictures.push(jpeg), maxBytes);
  for (let at = 0; at < stream.length; at += chunk) splitter.push(stream.subarray(at, at + chunk));
  return { pictures, dropped: splitter.dropped };
}

describe('the JPEG splitter', () => {
  for (const chunk of [1, 7, 4096, 1_000_000]) {
    it(`gives back the very pictures from chunks of ${chunk} bytes`, async () => {
      const originals = [
        await picture(10),
        withThumbnail(await picture(80), await picture(200)),
        await picture(90, true),
      ];
      const { pictures, dropped } = split(Buffer.concat(originals), chunk);
      assert.deepEqual(pictures, originals);
      assert.equal(dropped, 0);
    });
  }

  it('skips noise between pictures', async () => {
    const [a, b] = [await picture(1), await picture(2)];
    const noise = Buffer.from('HTTP/1.1 200 OK\r\n\r\n\xff\xd9', 'latin1');
    assert.deepEqual(split(Buffer.concat([noise, a, noise, noise, b]), 50).pictures, [a, b]);
  });

  it('drops and counts a picture that is too large, and finds the next one', async () => {
    const [small, large] = [await picture(1), Buffer.concat([await picture(2), Buffer.alloc(0)])];
    const endless = Buffer.concat([large.subarray(0, -2), Buffer.alloc(60_000, 7)]);
    const { pictures, dropped } = split(Buffer.concat([endless, Buffer.from([0xff, 0xd9]), small]), 1000, 20_000);
    assert.deepEqual(pictures, [small]);
    assert.ok(dropped >= 1);
  });

  it('recovers from a picture that was cut off in its head', async () => {
    const whole = await picture(3);
    const { pictures } = split(Buffer.concat([whole.subarray(0, 30), Buffer.alloc(40), whole, whole]), 100);
    assert.ok(pictures.some((jpeg) => jpeg.equals(whole)));
  });

  it('hands on a picture with its last byte, not with the next one', async () => {
    const pictures: Buffer[] = [];
    new JpegSplitter((jpeg) => pictures.push(jpeg)).push(await picture(4));
    assert.equal(pictures.length, 1);
  });
});
