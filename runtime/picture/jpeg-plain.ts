import { type HuffmanTable, huffmanTable } from './jpeg-huffman.ts';

/** A component of a plain JPEG; `across` and `down` are its blocks in a unit of interleaving. */
export interface Component {
  id: number;
  across: number;
  down: number;
  dc: HuffmanTable;
  ac: HuffmanTable;
}

/** A JPEG as nearly all cameras write it: sequential, 8 bits, Huffman codes, one scan, grey or YCbCr with brightness at full size. */
export interface PlainJpeg {
  width: number;
  height: number;
  components: Component[];
  /** the quantisation of the first component, in zigzag order */
  quantisation: Uint16Array;
  /** units of interleaving between two restart markers; 0: none */
  restartInterval: number;
  /** where the coded data begin */
  scan: number;
}

const [SOF0, SOF1, DHT, SOS, DQT, DRI, APP2, APP14] = [0xc0, 0xc1, 0xc4, 0xda, 0xdb, 0xdd, 0xe2, 0xee];

interface Found {
  frame?: { width: number; height: number; parts: { id: number; across: number; down: number; table: number }[] };
  quantisations: Map<number, Uint16Array>;
  huffman: Map<number, HuffmanTable>;
  restartInterval: number;
}

/** Reads the headers; undefined for anything that is not plain or not right, which is for a whole decoder to judge. */
export function readPlainJpeg(jpeg: Uint8Array): PlainJpeg | undefined {
  const data = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  const found: Found = { quantisations: new Map(), huffman: new Map(), restartInterval: 0 };
  if (data.length < 4 || data.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 4 <= data.length; ) {
    const marker = data[at + 1] ?? 0;
    const end = at + 2 + data.readUInt16BE(at + 2);
    if (data[at] !== 0xff || marker < SOF0 || end < at + 4 || end > data.length) return undefined;
    const content = data.subarray(at + 4, end);
    if (marker === SOS) return plainOf(found, content, end);
    if (!take(found, marker, content)) return undefined;
    at = end;
  }
  return undefined;
}

/** Takes one segment in; false when the picture is not plain because of it. */
function take(found: Found, marker: number, content: Buffer): boolean {
  if (marker === DQT) return takeQuantisations(found, content);
  if (marker === DHT) return takeHuffman(found, content);
  if (marker === SOF0 || marker === SOF1) return takeFrame(found, content);
  if (marker === DRI) {
    if (content.length !== 2) return false;
    found.restartInterval = content.readUInt16BE(0);
    return true;
  }
  // A colour profile, or channels that are not YCbCr (Adobe's transform other than 1).
  if (marker === APP2) return content.toString('latin1', 0, 11) !== 'ICC_PROFILE';
  if (marker === APP14) return content.toString('latin1', 0, 5) !== 'Adobe' || content[11] === 1;
  return (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
}

function takeQuantisations(found: Found, content: Buffer): boolean {
  for (let at = 0; at < content.length; ) {
    const head = content[at++] ?? 0;
    const wide = head >> 4 === 1;
    if (at + (wide ? 128 : 64) > content.length) return false;
    const values = Uint16Array.from({ length: 64 }, (_, i) =>
      wide ? content.readUInt16BE(at + 2 * i) : (content[at + i] ?? 0),
    );
    found.quantisations.set(head & 15, values);
    at += wide ? 128 : 64;
  }
  return true;
}

function takeHuffman(found: Found, content: Buffer): boolean {
  for (let at = 0; at < content.length; ) {
    const head = content[at++] ?? 0;
    let end = at + 16;
    for (let length = 0; length < 16; length += 1) end += content[at + length] ?? 0;
    const table = end <= content.length && huffmanTable(content.subarray(at, end), head >> 4 === 0 ? 'dc' : 'ac');
    if (!table) return false;
    found.huffman.set(head, table);
    at = end;
  }
  return true;
}

function takeFrame(found: Found, content: Buffer): boolean {
  const count = content[5] ?? 0;
  if (found.frame || content[0] !== 8 || (count !== 1 && count !== 3) || content.length !== 6 + 3 * count) return false;
  const parts = Array.from({ length: count }, (_, i) => {
    const [id = 0, factors = 0, table = 0] = content.subarray(6 + 3 * i);
    return { id, across: factors >> 4, down: factors & 15, table };
  });
  const [first] = parts;
  // A single component is not interleaved, whatever its factors say.
  if (first && count === 1) Object.assign(first, { across: 1, down: 1 });
  const usual = parts.every(({ across, down }) => across >= 1 && across <= 2 && down >= 1 && down <= 2);
  const isFull = parts.every(({ across, down }) => across <= (first?.across ?? 0) && down <= (first?.down ?? 0));
  const isRgb = parts.map(({ id }) => String.fromCharCode(id)).join('') === 'RGB';
  found.frame = { height: content.readUInt16BE(1), width: content.readUInt16BE(3), parts };
  return usual && isFull && !isRgb && found.frame.width > 0 && found.frame.height > 0;
}

function plainOf({ frame, huffman, quantisations, restartInterval }: Found, scan: Buffer, end: number) {
  const count = scan[0] ?? 0;
  const quantisation = quantisations.get(frame?.parts[0]?.table ?? -1);
  if (!frame || !quantisation || count !== frame.parts.length || scan.length !== 4 + 2 * count) return undefined;
  // All coefficients, whole.
  if (scan[1 + 2 * count] !== 0 || scan[2 + 2 * count] !== 63 || scan[3 + 2 * count] !== 0) return undefined;
  const components: Component[] = [];
  for (const [i, { id, across, down }] of frame.parts.entries()) {
    const tables = scan[2 + 2 * i] ?? 0;
    const dc = huffman.get(tables >> 4);
    const ac = huffman.get(0x10 | (tables & 15));
    if (scan[1 + 2 * i] !== id || !dc || !ac) return undefined;
    components.push({ id, across, down, dc, ac });
  }
  const { width, height } = frame;
  return { width, height, components, quantisation, restartInterval, scan: end };
}
