import type { Clock, StoredFrame } from '../../runtime/contracts/host.ts';
import type { JobHandle, JobRecord } from '../../runtime/contracts/jobs.ts';
import type { Db } from '../../runtime/db/db.ts';
import { createJobQueue, type JobQueue, type JobQueueOptions } from '../../runtime/jobs/queue.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { FrameShelf } from './frames-fixture.ts';

/** A job as a worker was given it. */
export interface Handed {
  job: JobHandle;
  frame: StoredFrame;
  jpeg: Buffer;
}

/** A queue over a database, with frames to put in; `close` stops every queue that was made. */
export class JobBench {
  readonly db: Db;
  readonly shelf = new FrameShelf();
  readonly #queues: JobQueue[] = [];

  constructor(db: Db) {
    this.db = db;
  }

  /** A started queue; without a sweep unless asked for, so that a test of wake-ups tests those. */
  async queue(options: Partial<JobQueueOptions> & { clock?: Clock } = {}): Promise<JobQueue> {
    const queue = createJobQueue({
      db: this.db,
      clock: systemClock,
      log: silentLog,
      owner: `worker-${this.#queues.length}`,
      readFrame: this.shelf.read,
      sweepMs: 600_000,
      ...options,
    });
    this.#queues.push(queue);
    await queue.start();
    return queue;
  }

  /** Starts taking jobs; what was handed out is in the answer, in order, and nothing is finished by itself. */
  collect(queue: JobQueue, options: { camera?: string; concurrency?: number } = {}): Handed[] {
    const handed: Handed[] = [];
    queue.work({ concurrency: 1, ...options }, (job, frame, jpeg) => handed.push({ job, frame, jpeg }));
    return handed;
  }

  /** The job of a frame. */
  async job(frame: StoredFrame): Promise<JobRecord & { epoch: number | null }> {
    const { rows } = await this.db.query<{ id: number; epoch: number | null }>(
      `select id, epoch from jobs where capture_id = $1`,
      [frame.id],
    );
    const [row] = rows;
    const { items } = await (this.#queues[0] ?? (await this.queue())).list({ limit: 200, cameras: null });
    const record = items.find((item) => item.id === row?.id);
    if (!record || !row) throw new Error(`frame ${frame.id} has no job`);
    return { ...record, epoch: row.epoch };
  }

  /** Ends the wait of every failed job. */
  async makeDue(): Promise<void> {
    await this.db.query(`update jobs set run_after = now() where state = 'failed'`);
    await this.db.query(`update camera_lanes set wake_at = now() where wake_at is not null`);
    await this.db.query(`select pg_notify('redeye_jobs', '')`);
  }

  async close(): Promise<void> {
    for (const queue of this.#queues) await queue.stop();
  }
}
