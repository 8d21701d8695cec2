import { crc32 } from 'node:zlib';

/**
 * One frame in a segment file, all numbers little-endian:
 *
 *   0  magic "RDYF" · 4 version u8, 3 zero bytes · 8 length of header u32 · 12 length of picture u32
 *   16 crc32 of header u32 · 20 crc32 of picture u32 · 24 crc32 of bytes 0..23 u32 · 28 header (JSON) · picture (JPEG)
 *
 * The header holds everything the row in `captures` holds, so that rows can be made again from the files alone.
 */
export interface RecordHeader {
  id: string;
  device: string;
  camera: string;
  seq: number;
  /** epoch ms */
  capturedAt: number;
  /** epoch ms */
  receivedAt: number;
  width: number;
  height: number;
  quality: number;
  /** whether a job goes with it */
  analyse: boolean;
  /** what the device told beyond that: rssi, battery_mv, fw_version, notes */
  meta: Record<string, unknown>;
}

export interface RecordPrefix {
  headerLength: number;
  pictureLength: number;
  headerCrc: number;
  pictureCrc: number;
}

export const PREFIX_BYTES = 28;
const MAGIC = 0x46594452;
const VERSION = 1;
/** More than this is no header of ours (notes have at most 1000 characters). */
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_PICTURE_BYTES = 64 * 1024 * 1024;

/**
 * The bytes before the picture: prefix and header. `pictureCrc` is the picture's crc32, known to the caller already. Blanks behind the
 * header make the head longer where it should be, which nobody who reads it notices.
 */
export function encodeHead(header: RecordHeader, pictureLength: number, pictureCrc: number, blanks = 0): Buffer {
  const json = Buffer.from(JSON.stringify(header) + ' '.repeat(blanks), 'utf8');
  const head = Buffer.allocUnsafe(PREFIX_BYTES + json.length);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(VERSION, 4);
  head.writeUInt32LE(json.length, 8);
  head.writeUInt32LE(pictureLength, 12);
  head.writeUInt32LE(crc32(json), 16);
  head.writeUInt32LE(pictureCrc, 20);
  head.writeUInt32LE(crc32(head.subarray(0, 24)), 24);
  json.copy(head, PREFIX_BYTES);
  return head;
}

/** Reads a prefix; undefined where there is none that can be believed (torn, zeros, or not ours). */
export function decodePrefix(bytes: Buffer): RecordPrefix | undefined {
  if (bytes.length < PREFIX_BYTES || bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION) return;
  if (bytes.readUInt32LE(24) !== crc32(bytes.subarray(0, 24))) return;
  const headerLength = bytes.readUInt32LE(8);
  const pictureLength = bytes.readUInt32LE(12);
  if (headerLength > MAX_HEADER_BYTES || pictureLength > MAX_PICTURE_BYTES) return;
  return { headerLength, pictureLength, headerCrc: bytes.readUInt32LE(16), pictureCrc: bytes.readUInt32LE(20) };
}

/** Bytes of the whole record. */
export function recordLength(prefix: RecordPrefix): number {
  return PREFIX_BYTES + prefix.headerLength + prefix.pictureLength;
}

export interface StoredRecord {
  header: RecordHeader;
  jpeg: Buffer;
  /** crc32 of the picture */
  crc: number;
}

/** Reads a whole record; undefined when header or picture are not the bytes that were written. */
export function decodeRecord(prefix: RecordPrefix, record: Buffer): StoredRecord | undefined {
  const json = record.subarray(PREFIX_BYTES, PREFIX_BYTES + prefix.headerLength);
  const jpeg = record.subarray(PREFIX_BYTES + prefix.headerLength, recordLength(prefix));
  if (jpeg.length !== prefix.pictureLength || crc32(json) !== prefix.headerCrc) return;
  if (crc32(jpeg) !== prefix.pictureCrc) return;
  return { header: JSON.parse(json.toString('utf8')) as RecordHeader, jpeg, crc: prefix.pictureCrc };
}
