import { nalType, splitAnnexB } from './nal.ts';

const LENGTH_BYTES = 4;

/**
 * The pieces of an access unit as MP4, FLV and RTP packetizers take it: each NAL unit behind its length in 4 bytes, but for the types
 * (H.264, table 7-1) to leave out. The pieces refer to the unit's own bytes, nothing is copied yet.
 */
export function lengthPrefixed(annexB: Buffer, leaveOut: ReadonlySet<number>): Buffer[] {
  const pieces: Buffer[] = [];
  for (const nal of splitAnnexB(annexB).nals) {
    if (leaveOut.has(nalType(nal))) continue;
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(nal.length, 0);
    pieces.push(length, nal);
  }
  return pieces;
}
