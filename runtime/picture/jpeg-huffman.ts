/** Bits looked at in one go; the few codes that are longer are found by `findCode`. */
export const LOOKUP_BITS = 12;
/** What the end of a block adds to the place in it: past its 64 coefficients from anywhere. */
const END_OF_BLOCK = 64;
/** Up to this place in a block several codes may be passed over at once; `MAX_LEAD` keeps them inside the block. */
export const SKIP_UNTIL = 48;
const MAX_LEAD = 64 - SKIP_UNTIL;
const TABLES_KEPT = 64;

/**
 * A Huffman table made ready for reading. Of the lookups, 0 stands for "not found here": `findCode` does it then.
 * - `read`: by the next `LOOKUP_BITS` bits, one code as `length | size << 5 | advance << 9`: `size` bits of value follow the code, and
 *   the place in the block moves on by `advance`.
 * - `skip`: by the same, as many whole codes as surely lie in the block, as `bits (with values) | advance << 6`.
 */
export interface HuffmanTable {
  read: Uint16Array;
  skip: Uint16Array;
  /** codes that may be too long for the lookups: per length, one past its last code (left-aligned to 16 bits), and what to add for its symbol */
  limits: Int32Array;
  offsets: Int32Array;
  symbols: Uint8Array;
}

const kept = new Map<string, HuffmanTable>();

/**
 * The table that a DHT segment describes: 16 counts of codes by length, then the symbols (ITU-T T.81 annex C). Cameras write the same
 * ones into every picture, so the last ones are kept. Undefined when no such code is possible.
 */
export function huffmanTable(definition: Uint8Array, kind: 'dc' | 'ac'): HuffmanTable | undefined {
  const key = kind + Buffer.from(definition.buffer, definition.byteOffset, definition.length).toString('latin1');
  const known = kept.get(key);
  if (known) return known;
  const made = makeTable(Uint8Array.from(definition), kind);
  if (!made) return undefined;
  const oldest = kept.keys().next().value;
  if (kept.size >= TABLES_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(key, made);
  return made;
}

/** One code out of the 16 bits given, packed as in `read`; 0 when there is no such code. For those that the lookups do not hold. */
export function findCode(table: HuffmanTable, bits: number, kind: 'dc' | 'ac'): number {
  for (let length = 1; length <= 16; length += 1) {
    if (bits >= (table.limits[length] ?? 0)) continue;
    const symbol = table.symbols[(bits >> (16 - length)) + (table.offsets[length] ?? 0)];
    return symbol === undefined ? 0 : pack(length, symbol, kind);
  }
  return 0;
}

function makeTable(definition: Uint8Array, kind: 'dc' | 'ac'): HuffmanTable | undefined {
  const symbols = definition.subarray(16);
  const limits = new Int32Array(17);
  const offsets = new Int32Array(17);
  const read = new Uint16Array(1 << LOOKUP_BITS);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length += 1) {
    const count = definition[length - 1] ?? 0;
    offsets[length] = index - code;
    for (let n = 0; n < count; n += 1) {
      const symbol = symbols[index++] ?? 0;
      // A value of a difference has at most 11 bits, one of a coefficient 10; more would not fit what is read at once.
      if (kind === 'dc' ? symbol > 11 : (symbol & 15) > 10) return undefined;
      if (length <= LOOKUP_BITS) {
        const from = code << (LOOKUP_BITS - length);
        read.fill(pack(length, symbol, kind), from, from + (1 << (LOOKUP_BITS - length)));
      }
      code += 1;
    }
    if (code > 1 << length) return undefined;
    limits[length] = code << (16 - length);
    code <<= 1;
  }
  if (index !== symbols.length) return undefined;
  const table = { read, skip: new Uint16Array(0), limits, offsets, symbols };
  return kind === 'dc' ? table : { ...table, skip: skipsOf(read) };
}

function pack(length: number, symbol: number, kind: 'dc' | 'ac'): number {
  if (kind === 'dc') return length | (symbol << 5) | (1 << 9);
  const size = symbol & 15;
  const zeros = symbol >> 4;
  const isEnd = size === 0 && zeros < 15;
  return length | (size << 5) | ((isEnd ? END_OF_BLOCK : zeros + 1) << 9);
}

function skipsOf(read: Uint16Array): Uint16Array {
  const skip = new Uint16Array(read.length);
  for (let index = 0; index < skip.length; index += 1) {
    let bits = 0;
    let advance = 0;
    while (bits < LOOKUP_BITS && advance < MAX_LEAD) {
      const code = read[(index << bits) & (read.length - 1)] ?? 0;
      const length = code & 31;
      if (code === 0 || bits + length > LOOKUP_BITS) break;
      bits += length + ((code >> 5) & 15);
      advance += code >> 9;
      if (code >> 9 === END_OF_BLOCK) break;
    }
    skip[index] = bits | (advance << 6);
  }
  return skip;
}
