import { setImmediate as otherWork } from 'node:timers/promises';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { RetentionReport, RetentionWork } from '../contracts/retention.ts';
import type { Db } from '../db/db.ts';
import { BATCH_ROWS, type RetentionLimits } from './limits.ts';

/** What retention needs of the segment store. */
export interface Segments {
  /** oldest first; `closed`: nothing will be written to it any more, and no rows for it are under way */
  segments(): Promise<{ segment: number; size: number; closed: boolean }[]>;
  /** False where it is not closed or not there. */
  remove(segment: number): Promise<boolean>;
}

export interface RunParts {
  db: Db;
  clock: Clock;
  log: Log;
  store: Segments;
  /** the server whose segments these are */
  nodeId: string;
  /** the data folder */
  folder: string;
  limits: RetentionLimits;
  /** bytes that may still be written to the data folder's disk */
  freeBytes(): Promise<number>;
  /** called between any two writes, with what was just done; tests end the process there */
  onPoint?: (what: string) => void;
}

/** The longest rest between two batches, ms. */
const REST_MS = 250;

/** How many rows of a kind a run may delete by age; `more` once there was one too many. */
export interface Share {
  left: number;
  more: boolean;
}

/** One run under way: what it works with and what it has done. A dry one goes the same way and writes nothing. */
export class Run {
  readonly parts: RunParts;
  readonly dry: boolean;
  readonly report: RetentionReport;
  readonly batch: number;
  /** dry: rows of this server that would be gone, by segment */
  readonly goneRows = new Map<number, number>();
  /** dry: segments that would be gone */
  readonly goneSegments = new Set<number>();
  /** dry: events whose pictures would be gone, and frames */
  readonly goneEvents = new Set<string>();
  readonly goneCaptures = new Set<string>();
  /** dry: their bytes, by camera */
  readonly goneBytes = new Map<string, number>();
  /** bytes of unfinished frames beyond the cap: so many may go */
  unfinishedLeft = 0;
  readonly #signal: AbortSignal;
  #restedAt: number;

  constructor(
    parts: RunParts,
    options: { dry: boolean; work: RetentionWork; askedBy: string; startedAt: number; signal: AbortSignal },
  ) {
    this.parts = parts;
    this.dry = options.dry;
    this.batch = BATCH_ROWS[parts.db.kind];
    this.#signal = options.signal;
    this.#restedAt = parts.clock.monotonicMs();
    this.report = {
      dry_run: options.dry,
      work: options.work,
      asked_by: options.askedBy,
      state: 'running',
      started_at: new Date(options.startedAt).toISOString(),
      finished_at: null,
      deleted: {
        captures: 0,
        segments: 0,
        segment_bytes: 0,
        events: 0,
        event_images: 0,
        event_image_bytes: 0,
        orphans: 0,
        orphan_bytes: 0,
        tokens: 0,
        jobs: 0,
      },
      unfinished: { bytes: 0, cap_bytes: parts.limits.unfinishedBytes, deleted_captures: 0 },
      notes: [],
    };
  }

  /** Something was written; a place at which the process may die. */
  point(what: string): void {
    this.parts.onPoint?.(what);
  }

  /**
   * Lets others work; throws when the server stops. To be called between batches. The embedded database has one connection: there it
   * rests for as long as the batch took, so that frames come in meanwhile.
   */
  async breathe(): Promise<void> {
    const { clock, db } = this.parts;
    const took = clock.monotonicMs() - this.#restedAt;
    if (db.kind === 'pglite') await clock.sleep(Math.min(took, REST_MS), this.#signal);
    else await otherWork();
    this.#restedAt = clock.monotonicMs();
    if (this.#signal.aborted) throw new AppError('flows.stopped', 'the server stops; the rest is for the next run');
  }

  /** Dry: so many bytes of a camera would be gone. */
  countGone(camera: string, bytes: number): void {
    this.goneBytes.set(camera, (this.goneBytes.get(camera) ?? 0) + bytes);
  }

  note(text: string): void {
    if (!this.report.notes.includes(text)) this.report.notes.push(text);
  }

  /** Bytes on disk that went so far. */
  get freedBytes(): number {
    const { segment_bytes, event_image_bytes, orphan_bytes } = this.report.deleted;
    return segment_bytes + event_image_bytes + orphan_bytes;
  }
}
