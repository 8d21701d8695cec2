import { gzipSync } from 'node:zlib';
import { SCRIPT } from './attack.ts';
import type { Random } from './random.ts';

/** What is in the frame header of a JPEG (ITU-T T.81 §B.2.2), to be told wrong. */
interface Claims {
  width?: number;
  height?: number;
  precision?: number;
  components?: number;
  marker?: number;
}

/** Files that claim to be a JPEG and are none, are not whole, or lie about themselves; made from a good one. */
export function badPictures(good: Buffer, random: Random): { name: string; bytes: Buffer }[] {
  const frame = frameAt(good);
  const scan = good.indexOf(Buffer.from([0xff, 0xda]));
  const cuts = [
    0,
    1,
    2,
    3,
    4,
    11,
    frame,
    frame + 3,
    frame + 8,
    scan,
    scan + 2,
    scan + 10,
    good.length - 2,
    good.length - 1,
  ];
  const list: [string, Buffer][] = [
    ...cuts.map((at): [string, Buffer] => [`cut at ${at}`, good.subarray(0, at)]),
    ...Array.from({ length: 12 }, (): [string, Buffer] => {
      const at = random.int(2, good.length - 2);
      return [`cut at ${at}`, good.subarray(0, at)];
    }),
    ['900 megapixels', claiming(good, { width: 30_000, height: 30_000 })],
    ['4295 megapixels', claiming(good, { width: 65_535, height: 65_535 })],
    ['51 megapixels', claiming(good, { width: 10_000, height: 5100 })],
    ['no width', claiming(good, { width: 0 })],
    ['no height', claiming(good, { height: 0 })],
    ['16 bits', claiming(good, { precision: 16 })],
    ['no components', claiming(good, { components: 0 })],
    ['255 components', claiming(good, { components: 255 })],
    ['lossless', claiming(good, { marker: 0xc3 })],
    ['arithmetic', claiming(good, { marker: 0xc9 })],
    ['reserved frame', claiming(good, { marker: 0xc8 })],
    ['wider than said', claiming(good, { width: 65 })],
    ['two frame headers', spliced(good, frame, good.subarray(frame, scan))],
    ['segment longer than the file', spliced(good, 2, segment(0xe1, Buffer.alloc(4), 65_535))],
    ['segment of length 0', spliced(good, 2, segment(0xe1, Buffer.alloc(0), 0))],
    ['segment of length 1', spliced(good, 2, segment(0xe1, Buffer.alloc(0), 1))],
    ['begins twice', spliced(good, 2, good.subarray(0, 2))],
    ['ends at once', spliced(good, 2, Buffer.from([0xff, 0xd9]))],
    ['nothing but fill bytes', Buffer.concat([good.subarray(0, 2), Buffer.alloc(200_000, 0xff)])],
    ['two pictures', Buffer.concat([good, good])],
    ['with a page behind', Buffer.concat([good, Buffer.from(`<html>${SCRIPT}</html>`)])],
    ['with an archive behind', Buffer.concat([good, archive()])],
    ['with PHP behind', Buffer.concat([good, Buffer.from("<?php system($_GET['c']); ?>")])],
    ['with gzip behind', Buffer.concat([good, gzipSync(Buffer.alloc(100_000))])],
    ['with a page before', Buffer.concat([Buffer.from(`<html>${SCRIPT}</html>`), good])],
    ['with a GIF before', Buffer.concat([Buffer.from('GIF89a/*'), good, Buffer.from('*/=1;alert(1)')])],
    ['PNG', Buffer.from('89504e470d0a1a0a0000000d49484452000075300000753008060000000', 'hex')],
    ['GIF', Buffer.from('GIF89a\xff\xff\xff\xff\0\0\0;', 'latin1')],
    ['WebP', Buffer.from('RIFF\x10\0\0\0WEBPVP8X', 'latin1')],
    ['TIFF', Buffer.from('II*\0\x08\0\0\0', 'latin1')],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic', 'latin1')],
    ['SVG', Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${SCRIPT}</svg>`)],
    ['PDF', Buffer.from('%PDF-1.7\n')],
    ['ELF', Buffer.from('\x7fELF\x02\x01\x01', 'latin1')],
    ['ImageMagick script', Buffer.from('push graphic-context\nviewbox 0 0 9 9\nfill \'url(https://x/"|id")\'\n')],
    ['zeros', Buffer.alloc(50_000)],
    ['noise', random.bytes(5000)],
    ['noise with a JPEG head', Buffer.concat([good.subarray(0, 4), random.bytes(5000)])],
    ['noise with head and end', Buffer.concat([good.subarray(0, 4), random.bytes(3000), Buffer.from([0xff, 0xd9])])],
  ];
  return list.map(([name, bytes]) => ({ name, bytes }));
}

/** A whole JPEG that is a web page, too: in a comment, where a JPEG may hold anything. */
export function pageInComment(good: Buffer): Buffer {
  return spliced(good, 2, segment(0xfe, Buffer.from(`--><html>${SCRIPT}<?php echo 1; ?></html><!--`)));
}

function claiming(good: Buffer, { width, height, precision, components, marker }: Claims): Buffer {
  const lying = Buffer.from(good);
  const at = frameAt(good);
  if (marker !== undefined) lying.writeUInt8(marker, at + 1);
  if (precision !== undefined) lying.writeUInt8(precision, at + 4);
  if (height !== undefined) lying.writeUInt16BE(height, at + 5);
  if (width !== undefined) lying.writeUInt16BE(width, at + 7);
  if (components !== undefined) lying.writeUInt8(components, at + 9);
  return lying;
}

/** Where the baseline frame header begins. */
function frameAt(good: Buffer): number {
  return good.indexOf(Buffer.from([0xff, 0xc0]));
}

function spliced(good: Buffer, at: number, between: Buffer): Buffer {
  return Buffer.concat([good.subarray(0, at), between, good.subarray(at)]);
}

function segment(marker: number, content: Buffer, length = content.length + 2): Buffer {
  return Buffer.concat([Buffer.from([0xff, marker, length >> 8, length & 0xff]), content]);
}

/** The smallest ZIP: an empty one. */
function archive(): Buffer {
  return Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)]);
}
