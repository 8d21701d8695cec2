import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseName } from '../../edge/spool/names.ts';
import { decodeFrame } from '../../edge/spool/record.ts';

/** What a picture is known by. */
export function fingerprint(jpeg: Uint8Array): string {
  return createHash('sha256').update(jpeg).digest('hex');
}

/** The frames that wait in an edge's spool, by number: fingerprints of their pictures. Fails on a torn one and on any put aside. */
export async function waitingFrames(edge: { folder: string }): Promise<Map<number, string>> {
  const folder = join(edge.folder, 'edge', 'spool');
  const waiting = new Map<number, string>();
  for (const name of await readdir(folder)) {
    const meaning = parseName(name);
    if (meaning?.kind !== 'frame') continue;
    const frame = decodeFrame(await readFile(join(folder, name)));
    assert.ok(frame, `${name} is whole`);
    waiting.set(meaning.n, fingerprint(frame.jpeg));
  }
  for (const shelf of ['aside', 'rejected']) {
    assert.deepEqual(await readdir(join(folder, shelf)).catch(() => []), [], `nothing is in ${shelf}/`);
  }
  return waiting;
}

/** How many numbers the edge ever gave, by its own counter; exact once it was ended in order. */
export async function numbersGiven(edge: { folder: string }): Promise<number> {
  const { bound } = JSON.parse(await readFile(join(edge.folder, 'edge', 'sequence.json'), 'utf8')) as { bound: number };
  return bound;
}
