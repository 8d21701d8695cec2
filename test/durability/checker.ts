import { join } from 'node:path';
import type { CaptureRecord } from '../../runtime/contracts/api.ts';
import { listSegments, segmentPath } from '../../runtime/frames/segment-files.ts';
import { walkSegment } from '../../runtime/frames/segment-reader.ts';
import type { ServerApi } from '../support/server-api.ts';
import { type Ledger, sha256, type Tries } from './ledger.ts';

const READERS = 4;

/** A frame as the server has it after everything. */
export interface StoredFrame {
  id: string;
  key: string;
  /** undefined where the server has a row but cannot give the picture */
  sha: string | undefined;
}

/** Each list names frames; all are empty where the promise was kept. */
export interface Findings {
  /** answered as stored, and now without row or without bytes */
  lost: string[];
  /** there with other bytes than those that were answered as stored, or than any that were sent */
  changed: string[];
  /** more than one row for a key */
  doubled: string[];
  /** a row whose picture cannot be read */
  rowsWithoutBytes: string[];
  /** answered with 4xx, and there */
  refusedButStored: string[];
  /** there, and never sent */
  alien: string[];
  /** bytes without a row whose sender was told that they were stored */
  bytesWithoutRow: string[];
}

export interface Verdict extends Findings {
  rows: number;
  /** `unknown` frames that turned out to be there */
  unknownStored: number;
  /** records in segments whose key has another record as its row: tries that were never acknowledged */
  superseded: number;
  /** records without a row whose sender never got an answer, and gave up: they go with their segment */
  unclaimed: number;
  /** torn ends of segments */
  torn: number;
}

/** How many promises were broken. */
export function broken(verdict: Findings): number {
  const { lost, changed, doubled, rowsWithoutBytes, refusedButStored, alien, bytesWithoutRow } = verdict;
  return [lost, changed, doubled, rowsWithoutBytes, refusedButStored, alien, bytesWithoutRow].flat().length;
}

/** What a server that was started cleanly has of these devices, each picture read through its API. */
export async function readStored(api: ServerApi, devices: readonly string[]): Promise<StoredFrame[]> {
  const stored: StoredFrame[] = [];
  for (const device of devices) {
    const waiting = await api.captures(device);
    const read = async () => {
      for (let capture = waiting.shift(); capture !== undefined; capture = waiting.shift()) {
        stored.push({ id: capture.id, key: `${device} ${capture.seq}`, sha: await shaOf(api, capture) });
      }
    };
    await Promise.all(Array.from({ length: READERS }, read));
  }
  return stored;
}

/** Holds what the ledger says against what is there. */
export function compareRows(ledger: Ledger, stored: readonly StoredFrame[]): Findings & { unknownStored: number } {
  const found: Findings = {
    lost: [],
    changed: [],
    doubled: [],
    rowsWithoutBytes: [],
    refusedButStored: [],
    alien: [],
    bytesWithoutRow: [],
  };
  let unknownStored = 0;
  const rows = new Map<string, StoredFrame>();
  for (const frame of stored) {
    if (rows.has(frame.key)) found.doubled.push(frame.key);
    rows.set(frame.key, frame);
    if (!ledger.keys.has(frame.key)) found.alien.push(frame.key);
    if (frame.sha === undefined) found.rowsWithoutBytes.push(frame.key);
  }
  for (const [key, versions] of ledger.keys) {
    const row = rows.get(key);
    const promised = [...versions].filter(([, tries]) => tries.ok > 0).map(([sha]) => sha);
    if (promised.length > 1) found.changed.push(`${key}: two different pictures were answered as stored`);
    if (row?.sha === undefined && promised.length > 0) found.lost.push(key);
    if (row?.sha === undefined) continue;
    const tries = versions.get(row.sha);
    if (!tries || (promised.length > 0 && !promised.includes(row.sha))) found.changed.push(key);
    else if (tries.failed > 0) found.refusedButStored.push(key);
    if (promised.length === 0) unknownStored += 1;
  }
  return { ...found, unknownStored };
}

/**
 * The whole check, on a server that was started cleanly and takes no frames: rows against the ledger, pictures against both, and every
 * record in the segment files against the rows.
 */
export async function check(options: {
  ledger: Ledger;
  api: ServerApi;
  devices: readonly string[];
  dataDir: string;
}): Promise<Verdict> {
  const { ledger, api, devices, dataDir } = options;
  const stored = await readStored(api, devices);
  const verdict: Verdict = {
    ...compareRows(ledger, stored),
    rows: stored.length,
    superseded: 0,
    unclaimed: 0,
    torn: 0,
  };
  const ids = new Set(stored.map(({ id }) => id));
  const keys = new Set(stored.map(({ key }) => key));
  const folder = join(dataDir, 'segments');
  for (const { segment } of await listSegments(folder)) {
    for await (const step of walkSegment(segmentPath(folder, segment), 0)) {
      if (step.kind !== 'record') verdict.torn += 1;
      else {
        const { header, jpeg } = step.record;
        const key = `${header.device} ${header.seq}`;
        if (ids.has(header.id)) continue;
        if (keys.has(key)) verdict.superseded += 1;
        else if (isUnclaimed(ledger.keys.get(key)?.get(sha256(jpeg)))) verdict.unclaimed += 1;
        else verdict.bytesWithoutRow.push(key);
      }
    }
  }
  return verdict;
}

function isUnclaimed(tries: Tries | undefined): boolean {
  return tries !== undefined && tries.ok === 0 && tries.failed === 0;
}

async function shaOf(api: ServerApi, { image }: CaptureRecord): Promise<string | undefined> {
  const response = await fetch(api.url + image, { headers: { Authorization: `Bearer ${await api.token()}` } });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.ok) return sha256(bytes);
  if (response.status === 410) return undefined;
  throw new Error(`${image}: ${response.status} ${bytes.toString('utf8')}`);
}
