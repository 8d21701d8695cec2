import assert from 'node:assert/strict';
import { type JpegPart, PartReader } from '../../../../runtime/console/player/ways/part-reader.ts';

/** As the server writes it: the boundary of the next part goes with each picture. */
function stream(pictures: readonly string[], takenAt?: number): Buffer {
  const time = takenAt === undefined ? '' : `X-Captured-At: ${takenAt}\r\n`;
  const parts = pictures.map(
    (picture) =>
      `Content-Type: image/jpeg\r\nContent-Length: ${picture.length}\r\n${time}\r\n${picture}\r\n--FRAME\r\n`,
  );
  return Buffer.from(`--FRAME\r\n${parts.join('')}`, 'latin1');
}

function read(bytes: Buffer, pieceLength: number): JpegPart[] {
  const parts: JpegPart[] = [];
  const reader = new PartReader((part) => parts.push(part));
  for (let at = 0; at < bytes.length; at += pieceLength) reader.push(bytes.subarray(at, at + pieceLength));
  return parts;
}

describe('pictures of a multipart stream', () => {
  const pictures = ['first', 'a\r\n\r\nb--FRAME\r\nc', 'x'.repeat(5000)];

  for (const length of [1, 7, 4096, 100_000]) {
    it(`come whole and in order in pieces of ${length} bytes, whatever is in them`, () => {
      const parts = read(stream(pictures), length);
      assert.deepEqual(
        parts.map(({ jpeg }) => Buffer.from(jpeg).toString('latin1')),
        pictures,
      );
    });
  }

  it('have the time at which they were taken, where it is told', () => {
    assert.equal(read(stream(['a'], 1_700_000_000_123), 10)[0]?.takenAt, 1_700_000_000_123);
    assert.equal(read(stream(['a']), 10)[0]?.takenAt, undefined);
  });

  it('are refused without a length, with an absurd one, and out of what is no such stream', () => {
    for (const head of ['Content-Type: image/jpeg', 'Content-Length: 0', 'Content-Length: 99999999999']) {
      assert.throws(() => read(Buffer.from(`--FRAME\r\n${head}\r\n\r\nabc`), 5), /without a length/);
    }
    assert.throws(() => read(Buffer.alloc(10_000, 'a'), 1000), /no stream of pictures/);
  });
});
