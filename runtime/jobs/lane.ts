import { isFrameLost } from '../contracts/errors.ts';
import type { Clock, Log, StoredFrame } from '../contracts/host.ts';
import type { JobHandle } from '../contracts/jobs.ts';
import { handBackLane, leaveLane, lockOwnLane, renewLane } from '../db/camera-lanes.repo.ts';
import type { Db } from '../db/db.ts';
import { requeueJobs, type TakenJob, takeJobs } from '../db/jobs.repo.ts';
import { Backoff } from '../lib/backoff.ts';
import { recordFailure } from './failure.ts';
import type { Hand, Hands } from './hands.ts';

export type OnJob = (job: JobHandle, frame: StoredFrame, jpeg: Buffer) => void;

/** What the lanes of one queue share. */
export interface LaneTools {
  db: Db;
  clock: Clock;
  log: Log;
  hands: Hands;
  readFrame(captureId: string): Promise<{ frame: StoredFrame; jpeg: Buffer }>;
  leaseMs: number;
  /** jobs taken at once */
  batch: number;
  onAttempt?: ((outcome: 'done' | 'failed' | 'dead') => void) | undefined;
}

/** A lane as claimed, with its first batch. */
export interface ClaimedLane {
  camera: string;
  epoch: number;
  jobs: TakenJob[];
}

/** How a lane ended: left empty (with the ms until its earliest retry), lost to another holder, or given back by `release`. */
export type LaneEnd = { how: 'left'; wakeInMs: number | undefined } | { how: 'lost' } | { how: 'released' };

/** One camera's lane while we hold it: hands out one job at a time, batch after batch, and keeps the lease alive. */
export class Lane {
  readonly camera: string;
  readonly #epoch: number;
  readonly #tools: LaneTools;
  readonly #onJob: OnJob;
  readonly #ending = new AbortController();
  readonly #jobs: TakenJob[];
  #end: LaneEnd | undefined;
  #hand: Hand | undefined;
  #looking = false;
  #cancelRenewal = () => {};

  constructor(tools: LaneTools, claimed: ClaimedLane, onJob: OnJob) {
    this.camera = claimed.camera;
    this.#epoch = claimed.epoch;
    this.#jobs = claimed.jobs;
    this.#tools = tools;
    this.#onJob = onJob;
  }

  /** Works until the lane is empty, lost or released. Never throws: a database that is away is asked again and again. */
  async run(): Promise<LaneEnd> {
    this.#scheduleRenewal();
    while (!this.#end) {
      const job = this.#jobs.shift();
      if (job) await this.#work(job);
      else await this.#insist('look for the next jobs', () => this.#nextBatch());
    }
    this.#cancelRenewal();
    if (this.#end.how === 'released') await this.#handBack();
    return this.#end;
  }

  /** Makes `run` put its jobs back and end. */
  release(): void {
    this.#finish({ how: 'released' });
  }

  async #work(job: TakenJob): Promise<void> {
    const { hands, leaseMs, readFrame } = this.#tools;
    const { captureId, ...handle } = job;
    const hand = hands.take(handle);
    this.#hand = hand;
    let failure: { error: string; hopeless: boolean } | undefined;
    try {
      const loaded = await Promise.race([readFrame(captureId), hand.ended]);
      if (typeof loaded !== 'string' && !this.#end) {
        hand.renew();
        this.#onJob(handle, loaded.frame, loaded.jpeg);
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failure = { error: message, hopeless: isFrameLost(error) };
      hand.end('settled');
    }
    const how = await hand.ended;
    this.#hand = undefined;
    if (how === 'expired') {
      failure = {
        error: `nobody finished the job within ${leaseMs} ms (does every path of the flow end in delta-detect or job-done?)`,
        hopeless: false,
      };
    }
    if (failure) await this.#fail(handle, failure);
  }

  async #fail(job: JobHandle, failure: { error: string; hopeless: boolean }): Promise<void> {
    const failed = await this.#insist('write down a failed job', () => recordFailure(this.#tools.db, job, failure));
    if (failed) logFailure(this.#tools, job, failed.state, failure.error);
  }

  async #nextBatch(): Promise<void> {
    const { db, batch } = this.#tools;
    const { camera } = this;
    const epoch = this.#epoch;
    this.#looking = true;
    const end = await db
      .tx(async (q): Promise<LaneEnd | undefined> => {
        const seen = await lockOwnLane(q, camera, epoch);
        if (seen === undefined) return { how: 'lost' };
        const jobs = await takeJobs(q, camera, epoch, batch);
        if (jobs.length === 0) return { how: 'left', wakeInMs: await leaveLane(q, camera, epoch, seen) };
        this.#jobs.splice(0, this.#jobs.length, ...jobs);
        return undefined;
      })
      .finally(() => {
        this.#looking = false;
      });
    if (end) this.#finish(end);
  }

  #scheduleRenewal(): void {
    const { clock, db, leaseMs, log } = this.#tools;
    this.#cancelRenewal = clock.after(leaseMs / 3, async () => {
      try {
        if (!(await renewLane(db, this.camera, this.#epoch, leaseMs))) this.#lose();
      } catch (error) {
        log.warn('the lease of a lane could not be renewed', { camera: this.camera, error });
      }
      if (!this.#end) this.#scheduleRenewal();
    });
  }

  #lose(): void {
    // While we look for the next batch, that look decides: it may just have left the lane.
    if (this.#end || this.#looking) return;
    this.#tools.log.warn('a lane was taken over by another worker', { camera: this.camera, epoch: this.#epoch });
    this.#finish({ how: 'lost' });
  }

  #finish(end: LaneEnd): void {
    if (this.#end) return;
    this.#end = end;
    this.#ending.abort();
    this.#hand?.end('lost');
  }

  async #handBack(): Promise<void> {
    const { db, log } = this.#tools;
    const { camera } = this;
    try {
      await db.tx(async (q) => {
        if ((await lockOwnLane(q, camera, this.#epoch)) === undefined) return;
        await requeueJobs(q, camera, this.#epoch);
        await handBackLane(q, camera, this.#epoch);
      });
    } catch (error) {
      log.warn('a lane could not be handed back; its lease will run out', { camera, error });
    }
  }

  /** Does it again until it works or the lane ends (then undefined): a short fault of the database must not cost the lease's time. */
  async #insist<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    const { clock, log } = this.#tools;
    const backoff = new Backoff({ firstMs: 200, maxMs: 2000 });
    for (let tries = 0; !this.#end; tries += 1) {
      try {
        return await work();
      } catch (error) {
        if (tries === 0) log.warn(`could not ${what}; trying again`, { camera: this.camera, error });
        await clock.sleep(backoff.next(), this.#ending.signal).catch(() => undefined);
      }
    }
    return undefined;
  }
}

/** Counts a failed attempt and says it in one line; the last one is an error. */
export function logFailure(
  { log, onAttempt }: Pick<LaneTools, 'log' | 'onAttempt'>,
  job: JobHandle,
  state: 'failed' | 'dead',
  why: string,
): void {
  onAttempt?.(state);
  const fields = { job: job.id, camera: job.camera, seq: job.seq, attempt: job.attempt, why };
  if (state === 'dead') log.error('a job is dead', fields);
  else log.warn('a job failed and is tried again', fields);
}
