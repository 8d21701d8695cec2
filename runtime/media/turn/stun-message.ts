import { createHash, createHmac } from 'node:crypto';

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
/** RFC 8489 §14, RFC 8656 §18 */
export const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  transport: 0x0019,
} as const;
export const METHOD = { allocate: 0x0003, refresh: 0x0004 } as const;

export interface StunAnswer {
  kind: 'success' | 'error';
  transaction: Buffer;
  attributes: Map<number, Buffer>;
  /** as 401; undefined in a success */
  error: number | undefined;
}

/** A request; with a key it is signed (long-term credentials, RFC 8489 §9.2). */
export function writeRequest(
  method: number,
  transaction: Buffer,
  attributes: readonly (readonly [number, Buffer])[],
  key?: Buffer,
): Buffer {
  const body = attributes.map(([type, value]) => attribute(type, value));
  const length = body.reduce((sum, { length }) => sum + length, 0);
  // The length that is signed counts the signature too.
  const plain = Buffer.concat([header(method, key ? length + 24 : length, transaction), ...body]);
  if (!key) return plain;
  return Buffer.concat([plain, attribute(ATTRIBUTE.integrity, createHmac('sha1', key).update(plain).digest())]);
}

/** The key of long-term credentials: MD5 of `user:realm:password`, as the RFC has it. */
export function longTermKey(username: string, realm: string, password: string): Buffer {
  return createHash('md5').update(`${username}:${realm}:${password}`).digest();
}

/** Bytes of the message that begins there; undefined while its header is not whole, or for what is no STUN. */
export function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(4) !== COOKIE) return undefined;
  return HEADER_BYTES + bytes.readUInt16BE(2);
}

/** Reads an answer; undefined for anything else. */
export function readAnswer(bytes: Buffer): StunAnswer | undefined {
  const length = lengthOf(bytes);
  if (length === undefined || bytes.length < length) return undefined;
  const kind = { 256: 'success', 272: 'error' }[bytes.readUInt16BE(0) & 0x0110] as StunAnswer['kind'] | undefined;
  if (!kind) return undefined;
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= length; ) {
    const size = bytes.readUInt16BE(at + 2);
    if (at + 4 + size > length) return undefined;
    attributes.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + size));
    at += 4 + Math.ceil(size / 4) * 4;
  }
  const code = attributes.get(ATTRIBUTE.errorCode);
  const error = kind === 'error' && code && code.length >= 4 ? ((code[2] ?? 0) & 7) * 100 + (code[3] ?? 0) : undefined;
  return { kind, transaction: bytes.subarray(8, HEADER_BYTES), attributes, error };
}

function header(method: number, length: number, transaction: Buffer): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(method, 0);
  bytes.writeUInt16BE(length, 2);
  bytes.writeUInt32BE(COOKIE, 4);
  return Buffer.concat([bytes, transaction]);
}

function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(value.length, 2);
  value.copy(bytes, 4);
  return bytes;
}
