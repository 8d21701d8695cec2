import { createHash } from 'node:crypto';

/**
 * JSON with one form for one value: keys in the order of their UTF-16 units, no spaces, numbers and texts as ECMAScript writes them
 * (RFC 8785). Throws a TypeError for what JSON cannot say (undefined inside of a list, NaN, a bigint, a function) and for half a
 * surrogate pair; undefined fields of an object are left out.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is no number of JSON`);
    return JSON.stringify(value);
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('a text holds half a surrogate pair');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`${typeof value} is nothing that JSON can say`);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  // The default order of sort is that of UTF-16 units, as the RFC wants it.
  const sorted = fields.map(([name]) => name).sort();
  const at = new Map(fields);
  return `{${sorted.map((name) => `${canonicalJson(name)}:${canonicalJson(at.get(name))}`).join(',')}}`;
}

/** SHA-256 of a text or bytes, in hex. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Hash of a value's content: the same wherever its fields stand. Of flows it is their revision. */
export function contentHash(value: unknown): string {
  return sha256Hex(canonicalJson(value));
}
