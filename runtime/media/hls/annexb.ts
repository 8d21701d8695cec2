const SPS = 7;
const PPS = 8;
const DELIMITER = 9;
const START = Buffer.from([0, 0, 1]);

/**
 * The pieces of an access unit as MP4 holds them: each NAL unit behind its length. SPS and PPS live in the init segment and delimiters
 * say nothing there, so they are left out. The pieces refer to the unit's own bytes, nothing is copied yet.
 */
export function lengthPrefixed(annexB: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let start = nextStart(annexB, 0);
  while (start < annexB.length) {
    const next = nextStart(annexB, start);
    // The four-byte start code's first zero, and zeros that pad a unit, belong to no unit.
    let end = next < annexB.length ? next - START.length : next;
    while (end > start && annexB[end - 1] === 0) end -= 1;
    const type = (annexB[start] ?? 0) & 0x1f;
    if (end > start && type !== SPS && type !== PPS && type !== DELIMITER) {
      const length = Buffer.allocUnsafe(4);
      length.writeUInt32BE(end - start, 0);
      pieces.push(length, annexB.subarray(start, end));
    }
    start = next;
  }
  return pieces;
}

/** Where the bytes behind the next start code begin; the end when there is none. */
function nextStart(annexB: Buffer, from: number): number {
  const at = annexB.indexOf(START, from);
  return at < 0 ? annexB.length : at + START.length;
}
