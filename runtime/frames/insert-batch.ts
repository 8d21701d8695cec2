import type { Log } from '../contracts/host.ts';
import { type FrameBatch, insertFrames } from '../db/captures.repo.ts';
import type { Db } from '../db/db.ts';

/** Tries at a batch that lost against another transaction (SQLSTATE class 40). */
const TRIES = 3;

export interface InsertedBatch {
  /** ids of the rows that are new */
  stored: Set<string>;
  /** frames that the database will never take, by id, with its reason */
  refused: Map<string, unknown>;
}

/**
 * Puts a batch in, its frames in the order of their places in the store. When the database refuses the values of one (SQLSTATE
 * classes 22 and 23), the frames go in one by one, so that a single bad frame costs no other; every other error is thrown.
 */
export async function insertBatch(db: Db, batch: FrameBatch, log: Log): Promise<InsertedBatch> {
  try {
    return { stored: await insertWithRetries(db, batch), refused: new Map() };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    log.warn('the database refused a batch; its frames go in one by one', { frames: batch.frames.length, error });
  }
  const answer: InsertedBatch = { stored: new Set(), refused: new Map() };
  for (const [index, frame] of batch.frames.entries()) {
    const next = batch.frames[index + 1];
    const checkpoint = next ? { segment: next.segment, offset: next.offset } : batch.checkpoint;
    const devices = batch.devices.filter(({ id }) => id === frame.device);
    try {
      for (const id of await insertWithRetries(db, { ...batch, frames: [frame], devices, checkpoint })) {
        answer.stored.add(id);
      }
    } catch (error) {
      if (!isRefusal(error)) throw error;
      log.error('the database refuses a frame', { device: frame.device, seq: frame.seq, frame: frame.id, error });
      answer.refused.set(frame.id, error);
    }
  }
  return answer;
}

async function insertWithRetries(db: Db, batch: FrameBatch): Promise<Set<string>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await insertFrames(db, batch);
    } catch (error) {
      if (attempt === TRIES || !sqlState(error).startsWith('40')) throw error;
    }
  }
}

function isRefusal(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error));
}

function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : '';
}
