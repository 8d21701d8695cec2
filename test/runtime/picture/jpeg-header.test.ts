import assert from 'node:assert/strict';
import sharp, { type JpegOptions } from 'sharp';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { readJpegHeader } from '../../../runtime/picture/jpeg-header.ts';

function picture(width: number, height: number, options: JpegOptions = {}, background = '#396') {
  return sharp({ create: { width, height, channels: 3, background } })
    .jpeg(options)
    .toBuffer();
}

function noise(width: number, height: number, options: JpegOptions = {}) {
  const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, i) => (i * 7919 + (i >> 3) * 31) % 251));
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg(options)
    .toBuffer();
}

function refused(bytes: Uint8Array, code: string, sentence: RegExp) {
  assert.throws(
    () => readJpegHeader(bytes),
    (error: unknown) => error instanceof AppError && error.code === code && sentence.test(error.message),
  );
}

/** Overwrites width and height in the frame header. */
function claim(jpeg: Buffer, width: number, height: number): Buffer {
  const lied = Buffer.from(jpeg);
  const at = lied.indexOf(Buffer.from([0xff, 0xc0]));
  lied.writeUInt16BE(height, at + 5);
  lied.writeUInt16BE(width, at + 7);
  return lied;
}

/** Repeatable random numbers (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

describe('readJpegHeader', () => {
  it('reads the size of baseline, progressive, grey and tagged pictures', async () => {
    const size = { width: 321, height: 199 };
    assert.deepEqual(readJpegHeader(await picture(321, 199)), size);
    assert.deepEqual(readJpegHeader(await noise(321, 199, { quality: 95 })), size);
    assert.deepEqual(readJpegHeader(await noise(321, 199, { progressive: true })), size);
    assert.deepEqual(readJpegHeader(await noise(321, 199, { optimiseCoding: false })), size);
    const grey = await sharp(await picture(321, 199))
      .greyscale()
      .jpeg()
      .toBuffer();
    assert.deepEqual(readJpegHeader(grey), size);
    const tagged = await sharp(await picture(321, 199))
      .withExif({ IFD0: { Copyright: 'x'.repeat(2000) } })
      .withMetadata()
      .jpeg()
      .toBuffer();
    assert.deepEqual(readJpegHeader(tagged), size);
  });

  it('reads a flat picture of 48 megapixels whose scan is as small as can be', async () => {
    const flat = await picture(8000, 6000, { quality: 1, optimiseCoding: true });
    assert.deepEqual(readJpegHeader(flat), { width: 8000, height: 6000 });
  }).timeout(30_000);

  it('is not misled by an end marker inside a comment between two scans', async () => {
    const jpeg = await noise(64, 64, { progressive: true });
    const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]));
    const next = jpeg.indexOf(Buffer.from([0xff, 0xda]), scan + 2);
    const tables = jpeg.lastIndexOf(Buffer.from([0xff, 0xc4]), next);
    const at = tables > scan ? tables : next;
    const comment = Buffer.from([0xff, 0xfe, 0, 6, 0xff, 0xd9, 0xff, 0xd8]);
    const mixed = Buffer.concat([jpeg.subarray(0, at), comment, jpeg.subarray(at)]);
    assert.deepEqual(readJpegHeader(mixed), { width: 64, height: 64 });
  });

  it('tolerates zero padding behind the end and nothing else', async () => {
    const jpeg = await noise(64, 48);
    assert.deepEqual(readJpegHeader(Buffer.concat([jpeg, Buffer.alloc(512)])), { width: 64, height: 48 });
    refused(Buffer.concat([jpeg, Buffer.from('<html>')]), 'frame.malformed', /truncated|follows/);
    refused(Buffer.concat([jpeg, Buffer.from('PK'), jpeg]), 'frame.malformed', /follows/);
    refused(Buffer.concat([jpeg, jpeg]), 'frame.malformed', /follows/);
  });

  it('refuses a picture that is cut anywhere', async () => {
    const jpeg = await noise(40, 30);
    for (let length = 0; length < jpeg.length; length += 1)
      refused(jpeg.subarray(0, length), 'frame.malformed', /JPEG/);
  });

  it('names other formats', async () => {
    const image = sharp(await picture(16, 16));
    refused(await image.clone().png().toBuffer(), 'frame.malformed', /PNG/);
    refused(await image.clone().webp().toBuffer(), 'frame.malformed', /WebP/);
    refused(await image.clone().gif().toBuffer(), 'frame.malformed', /GIF/);
    refused(await image.clone().tiff().toBuffer(), 'frame.malformed', /TIFF/);
    refused(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'frame.malformed', /not a JPEG/);
    refused(Buffer.alloc(0), 'frame.malformed', /empty/);
  });

  it('refuses more than 50 megapixels, and a size that the bytes cannot fill', async () => {
    const jpeg = await picture(64, 64);
    refused(claim(jpeg, 65_500, 65_500), 'frame.too_large', /50 megapixels/);
    refused(claim(jpeg, 7072, 7072), 'frame.too_large', /7072x7072/);
    refused(claim(jpeg, 4000, 3000), 'frame.malformed', /too few bytes/);
    refused(claim(jpeg, 0, 64), 'frame.malformed', /width or height of 0/);
  });

  it('answers or throws an AppError for 20,000 mutated pictures, and always ends', async () => {
    const originals = [await noise(48, 32), await noise(48, 32, { progressive: true }), await picture(120, 90)];
    const random = randomFrom(20_261_120);
    const pick = (limit: number) => Math.floor(random() * limit);
    let taken = 0;
    for (let round = 0; round < 20_000; round += 1) {
      let bytes = Buffer.from(originals[round % originals.length] ?? Buffer.alloc(0));
      for (let change = pick(6) + 1; change > 0; change -= 1) {
        const at = random() < 0.7 ? pick(Math.min(700, bytes.length)) : pick(bytes.length);
        const kind = pick(5);
        if (kind === 0) bytes.writeUInt8(pick(256), at);
        else if (kind === 1) bytes.writeUInt8(0xff, at);
        else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + pick(40))]);
        else if (kind === 3)
          bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff, pick(256)]), bytes.subarray(at)]);
        else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(pick(bytes.length))]);
        if (bytes.length === 0) bytes = Buffer.alloc(1);
      }
      try {
        const { width, height } = readJpegHeader(bytes);
        assert.ok(width > 0 && height > 0 && width * height <= 50_000_000);
        taken += 1;
      } catch (error) {
        assert.ok(error instanceof AppError, String(error));
      }
    }
    assert.ok(taken > 0 && taken < 20_000);
  });
});
