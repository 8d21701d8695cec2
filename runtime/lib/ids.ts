import { randomBytes } from 'node:crypto';

export type NewId = () => string;

/** Random bytes are drawn for many ids at once: drawing is a call into OpenSSL, however few bytes it is for. */
const DRAWN = 10 * 128;
let drawn = Buffer.alloc(0);

function tenRandomBytes(): Buffer {
  if (drawn.length === 0) drawn = randomBytes(DRAWN);
  const ten = drawn.subarray(0, 10);
  drawn = drawn.subarray(10);
  return ten;
}

/** UUID version 7 (RFC 9562 §5.7): 48 bits of epoch ms, then random, so that ids sort by the time they were made. */
export function uuidv7(now: number = Date.now(), random: Buffer = tenRandomBytes()): string {
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(now, 0, 6);
  random.copy(bytes, 6, 0, 10);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Tells whether the text is a UUID in lower case, before it goes into a query. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}
