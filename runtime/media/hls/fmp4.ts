import { box, fullBox, u32, u64 } from './box.ts';

/** One picture or frame of sound in a fragment; times in ticks of its track. */
export interface Sample {
  /** its bytes, in pieces that follow each other */
  pieces: readonly Buffer[];
  duration: number;
  /** from decoding to showing; other than 0 only with B-frames, and may be negative */
  shift: number;
  isKey: boolean;
}

export interface Run {
  track: number;
  /** decode time of the first sample, in ticks */
  at: number;
  samples: readonly Sample[];
}

/** The sample depends on no other (a key frame), or it does. */
const KEY_FLAGS = 0x02000000;
const DELTA_FLAGS = 0x01010000;
/** data offset, and per sample: duration, size, flags, composition offset */
const RUN_FLAGS = 0x000001 | 0x000100 | 0x000200 | 0x000400 | 0x000800;
const BASE_IS_MOOF = 0x020000;
/** in a traf: tfhd 16, tfdt 20, and 20 of the trun before its samples, with a box header of 8 */
const TRAF_BYTES = 8 + 16 + 20 + 20;

/** One fragment (moof and mdat) with a run of samples for each track; tracks without samples are left out. */
export function fragment(sequence: number, runs: readonly Run[]): Buffer {
  const full = runs.filter(({ samples }) => samples.length > 0);
  const moofBytes = full.reduce((sum, { samples }) => sum + TRAF_BYTES + samples.length * 16, 8 + 16);
  let offset = moofBytes + 8;
  const trafs: Buffer[] = [];
  const bytes: Buffer[] = [];
  for (const run of full) {
    trafs.push(traf(run, offset));
    for (const { pieces } of run.samples) {
      bytes.push(...pieces);
      offset += sizeOf(pieces);
    }
  }
  const moof = box('moof', fullBox('mfhd', 0, 0, u32(sequence)), ...trafs);
  return Buffer.concat([moof, u32(offset - moofBytes), Buffer.from('mdat', 'latin1'), ...bytes]);
}

function traf({ track, at, samples }: Run, dataOffset: number): Buffer {
  const table = Buffer.allocUnsafe(samples.length * 16);
  for (const [index, { duration, pieces, isKey, shift }] of samples.entries()) {
    const row = index * 16;
    table.writeUInt32BE(duration, row);
    table.writeUInt32BE(sizeOf(pieces), row + 4);
    table.writeUInt32BE(isKey ? KEY_FLAGS : DELTA_FLAGS, row + 8);
    table.writeInt32BE(shift, row + 12);
  }
  return box(
    'traf',
    fullBox('tfhd', 0, BASE_IS_MOOF, u32(track)),
    fullBox('tfdt', 1, 0, u64(at)),
    // Version 1: composition offsets have a sign.
    fullBox('trun', 1, RUN_FLAGS, u32(samples.length, dataOffset), table),
  );
}

function sizeOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}
