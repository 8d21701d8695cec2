import { crc32 } from 'node:zlib';

/** What the spool keeps of a frame besides its bytes. The number is not in here: it is the file's name, so that renumbering is a rename. */
export interface SpooledMeta {
  camera: string;
  /** epoch ms */
  capturedAt: number;
  width: number;
  height: number;
  jpegQuality: number;
}

export interface SpooledFrame<M = SpooledMeta> {
  meta: M;
  jpeg: Buffer;
}

const MAGIC = 0x52595350; // "RYSP"
const VERSION = 1;
/** magic u32, version u32, length of meta u32, length of JPEG u32, crc32 of everything but itself u32; big endian */
export const HEADER_BYTES = 20;

/** A frame as one file: header, meta as JSON, JPEG. */
export function encodeFrame(frame: SpooledFrame<object>): Buffer {
  const meta = Buffer.from(JSON.stringify(frame.meta));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(VERSION, 4);
  header.writeUInt32BE(meta.length, 8);
  header.writeUInt32BE(frame.jpeg.length, 12);
  header.writeUInt32BE(checksum(header, meta, frame.jpeg), 16);
  return Buffer.concat([header, meta, frame.jpeg]);
}

/** The size that a file with this header must have; undefined when it is no header of ours. */
export function sizeByHeader(header: Buffer): number | undefined {
  if (header.length < HEADER_BYTES) return undefined;
  if (header.readUInt32BE(0) !== MAGIC || header.readUInt32BE(4) !== VERSION) return undefined;
  return HEADER_BYTES + header.readUInt32BE(8) + header.readUInt32BE(12);
}

/** Takes a file apart; undefined when it is torn, altered or not ours. */
export function decodeFrame<M = SpooledMeta>(file: Buffer): SpooledFrame<M> | undefined {
  if (sizeByHeader(file) !== file.length) return undefined;
  const meta = file.subarray(HEADER_BYTES, HEADER_BYTES + file.readUInt32BE(8));
  const jpeg = file.subarray(HEADER_BYTES + meta.length);
  if (checksum(file.subarray(0, HEADER_BYTES), meta, jpeg) !== file.readUInt32BE(16)) return undefined;
  return { meta: JSON.parse(meta.toString('utf8')) as M, jpeg };
}

function checksum(header: Buffer, meta: Buffer, jpeg: Buffer): number {
  return crc32(jpeg, crc32(meta, crc32(header.subarray(0, 16))));
}
