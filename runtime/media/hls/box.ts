/** An ISO BMFF box (ISO/IEC 14496-12 §4.2): size, four letters, contents. */
export function box(type: string, ...contents: readonly Buffer[]): Buffer {
  const size = contents.reduce((sum, part) => sum + part.length, 8);
  const head = Buffer.allocUnsafe(8);
  head.writeUInt32BE(size, 0);
  head.write(type, 4, 4, 'latin1');
  return Buffer.concat([head, ...contents], size);
}

/** A box with version and flags in front of its contents. */
export function fullBox(type: string, version: number, flags: number, ...contents: readonly Buffer[]): Buffer {
  return box(type, u32(version * 0x1000000 + flags), ...contents);
}

/** Big-endian 32-bit numbers, one after the other. */
export function u32(...values: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(values.length * 4);
  for (const [at, value] of values.entries()) out.writeUInt32BE(value, at * 4);
  return out;
}

/** Big-endian 16-bit numbers, one after the other. */
export function u16(...values: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(values.length * 2);
  for (const [at, value] of values.entries()) out.writeUInt16BE(value, at * 2);
  return out;
}

/** A big-endian 64-bit number. */
export function u64(value: number): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeBigUInt64BE(BigInt(value), 0);
  return out;
}
