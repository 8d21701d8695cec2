import { AppError } from '../contracts/errors.ts';
import type { Log, StoredFrame } from '../contracts/host.ts';
import type { Accepted, IncomingFrame } from '../contracts/services.ts';
import { type CaptureRow, findFramesByKey, type NewCapture } from '../db/captures.repo.ts';
import type { Db } from '../db/db.ts';
import type { NewId } from '../lib/ids.ts';
import { signsOf } from './device-signs.ts';
import { type InsertedBatch, insertBatch } from './insert-batch.ts';
import type { RecordHeader } from './record.ts';
import type { NewRecord, SegmentStore } from './segment-store.ts';

/** A frame whose sender waits for the answer. */
export interface WaitingFrame {
  frame: IncomingFrame;
  /** crc32 of the picture */
  crc: number;
  analyse: boolean;
  resolve(answer: Accepted): void;
  reject(error: unknown): void;
}

export interface BatchOptions {
  db: Db;
  store: SegmentStore;
  nodeId: string;
  log: Log;
  newId: NewId;
  /** epoch ms */
  receivedAt: number;
  /** highest committed `seq` per device, as far as this process knows; brought up to date here */
  committed: Map<string, number>;
  lookUpAll: boolean;
  /** called for each new frame in the same turn in which it is answered */
  onStored(frame: StoredFrame): void;
}

type KnownRow = CaptureRow & { last_seq: number };

/** Frames of one (device, seq): the first is the frame, the others are compared with it. */
type Group = [WaitingFrame, ...WaitingFrame[]];

/**
 * Stores a batch and answers each of its frames. Throws when the batch as a whole failed: then none of its frames was answered.
 */
export async function writeBatch(batch: readonly WaitingFrame[], options: BatchOptions): Promise<void> {
  const groups = groupByKey(batch);
  const firsts = [...groups.values()].map(([first]) => first);
  const known = await lookUp(
    firsts.filter((first) => isDoubtful(first.frame, options)),
    options,
  );
  const fresh = firsts.filter((first) => !known.has(keyOf(first)));
  const written = await write(fresh, options);
  const repeated: { group: Group; row: KnownRow }[] = [];
  const raced: Group[] = [];
  for (const [key, group] of groups) {
    const row = known.get(key);
    const answer = written.get(key);
    if (row) repeated.push({ group, row });
    else if (answer === undefined) raced.push(group);
    else if (answer instanceof AppError) rejectAll(group, answer);
    else {
      answerStored(group, answer, options.committed.get(answer.device) ?? answer.seq);
      options.onStored(answer);
    }
  }
  // Comparing reads from the disk: whoever is stored does not wait for it.
  for (const { group, row } of repeated) await answerKnown(group, row, options);
  if (raced.length > 0) await answerRaced(raced, options);
}

function groupByKey(batch: readonly WaitingFrame[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const waiting of batch) {
    const group = groups.get(keyOf(waiting));
    if (group) group.push(waiting);
    else groups.set(keyOf(waiting), [waiting]);
  }
  return groups;
}

function answerStored([first, ...others]: Group, frame: StoredFrame, lastSeq: number): void {
  first.resolve({ outcome: 'stored', frameId: frame.id, receivedAt: frame.receivedAt });
  for (const other of others) {
    const same = other.crc === first.crc && other.frame.jpeg.equals(first.frame.jpeg);
    other.resolve(verdict(same, { id: frame.id, receivedAt: frame.receivedAt, lastSeq }));
  }
}

async function answerKnown(group: Group, row: KnownRow, options: BatchOptions): Promise<void> {
  for (const waiting of group) waiting.resolve(await compare(waiting, row, options));
}

/** Frames whose row another server put in while this one wrote. */
async function answerRaced(raced: readonly Group[], options: BatchOptions): Promise<void> {
  try {
    const rows = await lookUp(
      raced.map(([first]) => first),
      options,
    );
    for (const group of raced) {
      const row = rows.get(keyOf(group[0]));
      if (row) await answerKnown(group, row, options);
      // The row was there at the insert and is gone now: it was deleted in between, and the sender may try again.
      else rejectAll(group, unavailable('the frame met a deletion', undefined));
    }
  } catch (error) {
    for (const group of raced) rejectAll(group, error);
  }
}

function rejectAll(group: Group, error: unknown): void {
  for (const waiting of group) waiting.reject(error);
}

/** Syncs bytes, commits rows; what each frame became, by key; a frame that lost to another row is missing from the answer. */
async function write(
  fresh: readonly WaitingFrame[],
  options: BatchOptions,
): Promise<Map<string, StoredFrame | AppError>> {
  const outcome = new Map<string, StoredFrame | AppError>();
  if (fresh.length === 0) return outcome;
  const sorted = [...fresh].sort((a, b) => compareKeys(a.frame, b.frame));
  const records = sorted.map((waiting) => toRecord(waiting, options));
  const { locations, end, settle } = await options.store.append(records);
  let inserted: InsertedBatch;
  try {
    const frames = records.map((record, index) => toCapture(record, locations[index] ?? end));
    inserted = await insertBatch(
      options.db,
      { nodeId: options.nodeId, frames, devices: signsOf(frames), checkpoint: end },
      options.log,
    );
  } catch (cause) {
    throw unavailable('the database did not take the frames', cause);
  } finally {
    settle();
  }
  for (const { header } of records) {
    const key = `${header.device} ${header.seq}`;
    if (inserted.refused.has(header.id)) {
      outcome.set(key, new AppError('frame.malformed', 'the database refuses what the frame says of itself'));
    } else {
      options.committed.set(header.device, Math.max(options.committed.get(header.device) ?? -1, header.seq));
      if (inserted.stored.has(header.id)) outcome.set(key, toStored(header));
    }
  }
  return outcome;
}

async function lookUp(frames: readonly WaitingFrame[], options: BatchOptions): Promise<Map<string, KnownRow>> {
  if (frames.length === 0) return new Map();
  try {
    const rows = await findFramesByKey(
      options.db,
      frames.map(({ frame }) => ({ device: frame.device, seq: frame.meta.seq })),
    );
    return new Map(rows.map((row) => [`${row.device_id} ${row.seq}`, row]));
  } catch (cause) {
    throw unavailable('the database does not answer', cause);
  }
}

/** Same size and crc32, and the same bytes as far as they can still be read. */
async function compare(waiting: WaitingFrame, row: KnownRow, options: BatchOptions): Promise<Accepted> {
  const { jpeg } = waiting.frame;
  let same = row.size === jpeg.length && row.crc32 === waiting.crc;
  if (same && row.node_id === options.nodeId) {
    const at = { segment: row.segment, offset: row.segment_offset };
    const first = await options.store.read(at, row.size).catch((error: unknown) => {
      options.log.debug('the first frame of a key cannot be read; size and crc32 decide', { frame: row.id, error });
      return undefined;
    });
    same = first === undefined || first.jpeg.equals(jpeg);
  }
  return verdict(same, { id: row.id, receivedAt: row.received_at.getTime(), lastSeq: row.last_seq });
}

function verdict(same: boolean, first: { id: string; receivedAt: number; lastSeq: number }): Accepted {
  if (same) return { outcome: 'duplicate', frameId: first.id, receivedAt: first.receivedAt };
  return { outcome: 'conflict', frameId: first.id, lastSeq: first.lastSeq };
}

/**
 * A `seq` above everything committed is new, and its bytes may be written unseen. For the others a look first: resent frames then cost no
 * disk, and one key is never written twice with different bytes unless the first was never acknowledged, which replay relies on.
 */
function isDoubtful(frame: IncomingFrame, options: BatchOptions): boolean {
  const highest = options.committed.get(frame.device);
  return options.lookUpAll || highest === undefined || frame.meta.seq <= highest;
}

function toRecord({ frame, crc, analyse }: WaitingFrame, options: BatchOptions): NewRecord {
  const { rssi, battery_mv, fw_version, notes } = frame.meta;
  const header: RecordHeader = {
    id: options.newId(),
    device: frame.device,
    camera: frame.camera,
    seq: frame.meta.seq,
    capturedAt: frame.capturedAt,
    receivedAt: options.receivedAt,
    width: frame.meta.width,
    height: frame.meta.height,
    quality: frame.meta.jpeg_quality,
    analyse,
    meta: { rssi, battery_mv, fw_version, notes },
  };
  return { header, jpeg: frame.jpeg, crc };
}

function toCapture({ header, jpeg, crc }: NewRecord, at: { segment: number; offset: number }): NewCapture {
  return { ...header, size: jpeg.length, crc32: crc, segment: at.segment, offset: at.offset };
}

function toStored(header: RecordHeader): StoredFrame {
  const { id, device, camera, seq, capturedAt, receivedAt, width, height, quality } = header;
  return { id, device, camera, seq, capturedAt, receivedAt, width, height, jpegQuality: quality };
}

function keyOf({ frame }: WaitingFrame): string {
  return `${frame.device} ${frame.meta.seq}`;
}

function compareKeys(a: IncomingFrame, b: IncomingFrame): number {
  if (a.device !== b.device) return a.device < b.device ? -1 : 1;
  return a.meta.seq - b.meta.seq;
}

function unavailable(message: string, cause: unknown): AppError {
  return new AppError('db.unavailable', message, { retryAfterS: 5 }, { cause });
}
