import { AppError, isFrameLost } from '../contracts/errors.ts';
import type { Clock, JobHost, Log, Release, StoredFrame } from '../contracts/host.ts';
import { JOB_LEASE_MS, type JobHandle } from '../contracts/jobs.ts';
import type { JobsService } from '../contracts/services.ts';
import { renewLane } from '../db/camera-lanes.repo.ts';
import type { Db, Queryable } from '../db/db.ts';
import { finishJob } from '../db/jobs.repo.ts';
import type { Part } from '../lib/part.ts';
import { recordFailure } from './failure.ts';
import { Hands } from './hands.ts';
import { type LaneTools, logFailure } from './lane.ts';
import { createJobRecords } from './records.ts';
import { LaneWorker } from './worker.ts';

export interface JobQueueOptions {
  db: Db;
  clock: Clock;
  log: Log;
  /** names this process in the lanes it holds, as `host:pid` */
  owner: string;
  /** Throws `capture.not_found` or `capture.bytes_gone` where another try cannot help. */
  readFrame(captureId: string): Promise<{ frame: StoredFrame; jpeg: Buffer }>;
  /** how long a silent holder keeps a lane, and a silent flow its job */
  leaseMs?: number;
  /** how often lanes are looked through without a wake-up */
  sweepMs?: number;
  /** jobs taken from a lane at once */
  batch?: number;
  /** told of every attempt that came to an end; `dead` was the last one */
  onAttempt?: (outcome: 'done' | 'failed' | 'dead') => void;
}

export interface JobQueue extends Part, JobsService, JobHost {
  /**
   * Finishes a job and whatever `write` writes in ONE transaction. `gone`, and `write` is not called, when the job is no longer
   * this holder's. A throw (of `write` or the database) writes nothing and leaves the job in hand: `fail` it, or do it again.
   */
  finish(job: JobHandle, write: (q: Queryable) => Promise<void>): Promise<'done' | 'gone'>;
  /** Says that somebody is still at it: its time starts over. */
  renew(job: JobHandle): Promise<'renewed' | 'gone'>;
}

/** The analysis queue: a lane per camera, each lane with one worker at a time, each job finished at most once (at-least-once tries). */
export function createJobQueue(options: JobQueueOptions): JobQueue {
  const { db, clock, owner, leaseMs = JOB_LEASE_MS, sweepMs = 5000, batch = 16, onAttempt } = options;
  const log = options.log.child('jobs');
  const hands = new Hands({ clock, leaseMs });
  const tools: LaneTools = { db, clock, log, hands, readFrame: options.readFrame, leaseMs, batch, onAttempt };
  const workers = new Set<LaneWorker>();
  const leaving = new Set<Promise<void>>();
  let running = false;
  let unlisten: (() => Promise<void>) | undefined;
  let cancelSweep = () => {};

  const pokeAll = (camera?: string) => {
    for (const worker of workers) worker.poke(camera);
  };
  const sweep = () => {
    cancelSweep = clock.after(sweepMs, () => {
      pokeAll();
      sweep();
    });
  };
  const letGo = (worker: LaneWorker) => {
    if (!workers.delete(worker)) return;
    const done = worker.release().finally(() => leaving.delete(done));
    leaving.add(done);
  };

  const finish = async (job: JobHandle, write: (q: Queryable) => Promise<void>): Promise<'done' | 'gone'> => {
    const outcome = await db.tx(async (q) => {
      if (!(await finishJob(q, job))) return 'gone';
      await write(q);
      return 'done';
    });
    hands.of(job)?.end('settled');
    if (outcome === 'done') onAttempt?.('done');
    return outcome;
  };

  return {
    ...createJobRecords(db),
    finish,
    done: (job) => finish(job, async () => {}),

    async fail(job, error) {
      const failed = await recordFailure(db, job, { error: error.message, hopeless: isFrameLost(error) });
      hands.of(job)?.end('settled');
      if (failed) logFailure(tools, job, failed.state, error.message);
    },

    async renew(job) {
      const hand = hands.of(job);
      if (!hand || !(await renewLane(db, job.camera, job.epoch, leaseMs))) return 'gone';
      hand.renew();
      return 'renewed';
    },

    work({ camera, concurrency }, onJob): Release {
      if (!Number.isInteger(concurrency) || concurrency < 1) {
        throw new AppError('node.config_invalid', 'concurrency must be a whole number of at least 1', {
          field: 'concurrency',
        });
      }
      const worker = new LaneWorker(tools, { camera: camera || undefined, concurrency, owner, onJob });
      workers.add(worker);
      if (running) worker.poke();
      return () => letGo(worker);
    },

    async start() {
      if (running) return;
      running = true;
      // Cameras with a blank between them; none stands for all.
      unlisten = await db.listen('redeye_jobs', (cameras) => {
        for (const camera of cameras.split(' ')) pokeAll(camera || undefined);
      });
      pokeAll();
      sweep();
    },

    async stop() {
      running = false;
      cancelSweep();
      for (const worker of [...workers]) letGo(worker);
      await Promise.all([...leaving]);
      await unlisten?.();
      unlisten = undefined;
    },
  };
}
