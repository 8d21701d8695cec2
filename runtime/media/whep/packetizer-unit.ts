import { NAL, nalType, splitAnnexB } from '../stream/nal.ts';

/** They say nothing that RTP does not say (RFC 6184 §5.2, §1.3), and each would be a packet of its own. */
const SAYS_NOTHING: ReadonlySet<number> = new Set([NAL.delimiter, NAL.filler]);
/** Kinds of RTP payload that are no NAL unit (RFC 6184 §5.7.1, §5.8). */
const STAP_A = 24;
const FU_A = 28;
const FU_HEADER_BYTES = 2;
const LENGTH_BYTES = 4;
const EMPTY = Buffer.alloc(0);

interface Made {
  of: Buffer;
  unit: Buffer;
  /** used again for the next unit */
  memory: Buffer;
}

/** The newest, by the size of its packets: all viewers of a camera are served at once. */
const newest = new Map<number, Made>();

/**
 * An access unit as the engine's packetizer gets it: the payloads of its RTP packets (RFC 6184, mode 1), each at most `packetBytes` long
 * and behind its length. Small NAL units share a packet, large ones are cut into equal pieces. Made once however many watch, in memory
 * that is used again: what is returned holds until the next unit of that size is asked for. The engine could cut by itself, but does it
 * for each viewer anew, with three more copies, and puts the last few bytes of each NAL unit into a packet of their own: 8.7 packets a
 * picture at 2 Mbps where 7.7 do.
 */
export function packetizerUnit(annexB: Buffer, packetBytes: number): Buffer {
  const known = newest.get(packetBytes);
  if (known?.of === annexB) return known.unit;
  const nals = splitAnnexB(annexB).nals.filter((nal) => !SAYS_NOTHING.has(nalType(nal)));
  const most = mostBytes(nals, packetBytes);
  const memory = known && known.memory.length >= most ? known.memory : Buffer.allocUnsafeSlow(most * 2);
  const unit = memory.subarray(0, write(nals, packetBytes, memory));
  newest.set(packetBytes, { of: annexB, unit, memory });
  return unit;
}

function mostBytes(nals: readonly Buffer[], packetBytes: number): number {
  let most = 0;
  for (const { length } of nals) {
    const pieces = Math.ceil(length / (packetBytes - FU_HEADER_BYTES));
    most += length + pieces * (LENGTH_BYTES + FU_HEADER_BYTES) + 1;
  }
  return most;
}

/** Writes all payloads; answers where they end. */
function write(nals: readonly Buffer[], packetBytes: number, memory: Buffer): number {
  let at = 0;
  for (let next = 0; next < nals.length; ) {
    const first = nals[next] ?? EMPTY;
    if (first.length > packetBytes) {
      at = writePieces(first, packetBytes, memory, at);
      next += 1;
    } else {
      const count = fitting(nals, next, packetBytes);
      at = count === 1 ? writeWhole(first, memory, at) : writeTogether(nals.slice(next, next + count), memory, at);
      next += count;
    }
  }
  return at;
}

/** How many NAL units from there on share a packet; at least one. */
function fitting(nals: readonly Buffer[], from: number, packetBytes: number): number {
  let bytes = 1;
  let count = 0;
  for (let at = from; at < nals.length; at += 1) {
    bytes += 2 + (nals[at]?.length ?? 0);
    if (bytes > packetBytes) break;
    count += 1;
  }
  return Math.max(1, count);
}

function writeWhole(nal: Buffer, memory: Buffer, at: number): number {
  memory.writeUInt32BE(nal.length, at);
  return at + LENGTH_BYTES + nal.copy(memory, at + LENGTH_BYTES);
}

function writeTogether(nals: readonly Buffer[], memory: Buffer, from: number): number {
  let at = from + LENGTH_BYTES + 1;
  let forbidden = 0;
  let importance = 0;
  for (const nal of nals) {
    forbidden |= (nal[0] ?? 0) & 0x80;
    importance = Math.max(importance, (nal[0] ?? 0) & 0x60);
    at = memory.writeUInt16BE(nal.length, at);
    at += nal.copy(memory, at);
  }
  memory.writeUInt32BE(at - from - LENGTH_BYTES, from);
  memory[from + LENGTH_BYTES] = forbidden | importance | STAP_A;
  return at;
}

function writePieces(nal: Buffer, packetBytes: number, memory: Buffer, from: number): number {
  const first = nal[0] ?? 0;
  const count = Math.ceil((nal.length - 1) / (packetBytes - FU_HEADER_BYTES));
  const size = Math.ceil((nal.length - 1) / count);
  let at = from;
  for (let start = 1; start < nal.length; start += size) {
    const end = Math.min(nal.length, start + size);
    at = memory.writeUInt32BE(FU_HEADER_BYTES + end - start, at);
    memory[at] = (first & 0xe0) | FU_A;
    memory[at + 1] = (start === 1 ? 0x80 : 0) | (end === nal.length ? 0x40 : 0) | (first & 0x1f);
    at += FU_HEADER_BYTES + nal.copy(memory, at + FU_HEADER_BYTES, start, end);
  }
  return at;
}
