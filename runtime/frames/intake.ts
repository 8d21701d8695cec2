import { crc32 } from 'node:zlib';
import { AppError } from '../contracts/errors.ts';
import type { Clock, IngestHost, Log, Release, StoredFrame } from '../contracts/host.ts';
import type { Accepted, IncomingFrame } from '../contracts/services.ts';
import type { Db } from '../db/db.ts';
import { BoundedQueue } from '../lib/bounded-queue.ts';
import { type Crowd, Gathering } from '../lib/gathering.ts';
import type { NewId } from '../lib/ids.ts';
import type { Part } from '../lib/part.ts';
import { type WaitingFrame, writeBatch } from './intake-batch.ts';
import type { SegmentStore } from './segment-store.ts';

export interface IntakeLimits {
  /** frames and bytes that may wait; more is `ingest.busy` */
  queueFrames: number;
  queueBytes: number;
  /** frames that are written together at most */
  batchFrames: number;
}

export interface IntakeOptions {
  db: Db;
  store: SegmentStore;
  /** name of this server: its disk holds the bytes */
  nodeId: string;
  clock: Clock;
  log: Log;
  newId: NewId;
  limits?: Partial<IntakeLimits>;
  /** told of every batch that was made durable */
  onBatch?: (batch: { frames: number; bytes: number; seconds: number }) => void;
}

type Taker = Parameters<IngestHost['attach']>[0];

export interface FrameIntake extends Part, Pick<IngestHost, 'attach'> {
  /** As `FramesService.accept`. */
  accept(frame: IncomingFrame): Promise<Accepted>;
  /** why frames cannot be taken now */
  trouble(): string | undefined;
}

/**
 * One statement and one sync cost the same for one frame as for thirty: while frames come in crowds, at 320 a second and more, 8 ms of patience
 * cut CPU a frame by a sixth (app and PostgreSQL together, bench/ingest.ts) and let the disk sync less often. Where they come one by one nobody waits.
 */
export const CROWD: Crowd = { size: 16, withinMs: 50, gatherMs: 8, enough: 32 };

const LIMITS: IntakeLimits = { queueFrames: 256, queueBytes: 64 * 1024 * 1024, batchFrames: 128 };

/**
 * Takes frames in batches: while one batch is being made durable, the next collects, in a crowd a few milliseconds longer. Of every frame first the bytes are synced, then
 * its row is committed, then it is answered and told to who is attached. Nothing that was answered as stored is lost by a crash.
 */
export function createFrameIntake(options: IntakeOptions): FrameIntake {
  return new Intake(options);
}

class Intake implements FrameIntake {
  readonly #options: IntakeOptions;
  readonly #limits: IntakeLimits;
  readonly #queue: BoundedQueue<WaitingFrame>;
  readonly #gathering = new Gathering(CROWD);
  readonly #takers = new Set<Taker>();
  /** the highest `seq` per device that this process knows to be committed */
  readonly #committed = new Map<string, number>();
  #state: 'stopped' | 'running' | 'stopping' = 'stopped';
  #pump: Promise<void> | undefined;
  #databaseTrouble: string | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#queue = new BoundedQueue({ items: this.#limits.queueFrames, weight: this.#limits.queueBytes });
  }

  async start(): Promise<void> {
    this.#state = 'running';
  }

  /** Refuses new frames and waits until the last one under way is answered. */
  async stop(): Promise<void> {
    if (this.#state === 'running') this.#state = 'stopping';
    await this.#pump;
    this.#state = 'stopped';
  }

  attach(taker: Taker): Release {
    this.#takers.add(taker);
    return () => {
      this.#takers.delete(taker);
    };
  }

  accept(frame: IncomingFrame): Promise<Accepted> {
    if (this.#state !== 'running') return refuse('ingest.busy', 'the server is starting or stopping', 5);
    const takers = this.#takersOf(frame);
    if (takers.length === 0) return refuse('ingest.no_flow', `no flow takes frames of ${frame.camera}`, 5);
    const analyse = takers.some((taker) => taker.analyse);
    this.#gathering.note(this.#options.clock.monotonicMs());
    return new Promise((resolve, reject) => {
      const waiting: WaitingFrame = { frame, crc: crc32(frame.jpeg), analyse, resolve, reject };
      if (this.#queue.offer(waiting, frame.jpeg.length)) this.#pump ??= this.#run();
      else reject(new AppError('ingest.busy', 'too many frames are waiting to be stored', { retryAfterS: 1 }));
    });
  }

  trouble(): string | undefined {
    if (this.#state !== 'running') return 'frames are not taken yet';
    const trouble = this.#options.store.trouble() ?? this.#databaseTrouble;
    return trouble ?? (this.#takers.size === 0 ? 'no flow takes frames' : undefined);
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#gather();
      const batch = this.#queue.take(this.#limits.batchFrames);
      await this.#write(batch);
    }
    this.#pump = undefined;
  }

  async #gather(): Promise<void> {
    const { clock } = this.#options;
    const waitMs = this.#state === 'running' ? this.#gathering.waitMs(clock.monotonicMs(), this.#queue.length) : 0;
    if (waitMs > 0) await clock.sleep(waitMs);
  }

  async #write(batch: WaitingFrame[]): Promise<void> {
    const { clock, log, onBatch } = this.#options;
    const startedAt = clock.monotonicMs();
    try {
      await writeBatch(batch, {
        ...this.#options,
        receivedAt: clock.now(),
        committed: this.#committed,
        // After an error nobody knows what was committed: each key is then looked up before its bytes are written again.
        lookUpAll: this.#databaseTrouble !== undefined,
        onStored: (frame) => this.#tell(frame),
      });
      this.#databaseTrouble = undefined;
      onBatch?.({
        frames: batch.length,
        bytes: batch.reduce((sum, { frame }) => sum + frame.jpeg.length, 0),
        seconds: (clock.monotonicMs() - startedAt) / 1000,
      });
    } catch (error) {
      if (error instanceof AppError && error.code === 'db.unavailable') {
        if (!this.#databaseTrouble) log.error('the database does not take frames', { error });
        this.#databaseTrouble = error.message;
      }
      for (const waiting of batch) waiting.reject(error);
    }
  }

  #tell(frame: StoredFrame): void {
    for (const taker of this.#takersOf(frame)) {
      try {
        taker.onFrame(frame);
      } catch (error) {
        this.#options.log.error('a taker of frames failed', { frame: frame.id, error });
      }
    }
  }

  #takersOf({ camera, device }: { camera: string; device: string }): Taker[] {
    return [...this.#takers].filter(
      (taker) => (!taker.camera || taker.camera === camera) && (!taker.device || taker.device === device),
    );
  }
}

function refuse(code: 'ingest.busy' | 'ingest.no_flow', message: string, retryAfterS: number): Promise<never> {
  return Promise.reject(new AppError(code, message, { retryAfterS }));
}
