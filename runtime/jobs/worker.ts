import { JOB_MAX_ATTEMPTS } from '../contracts/jobs.ts';
import { lockFreeLane, postponeLane, takeLane } from '../db/camera-lanes.repo.ts';
import { returnAbandonedJobs, takeJobs } from '../db/jobs.repo.ts';
import { type ClaimedLane, Lane, type LaneTools, type OnJob } from './lane.ts';

/** How long a lane rests whose vanished holder has a transaction open. */
const POSTPONE_MS = 1000;
/** Beyond the time the database named, so that its clock has passed it too. */
const WAKE_MARGIN_MS = 5;

export interface WorkerOptions {
  /** only this camera; undefined for all */
  camera: string | undefined;
  /** cameras side by side */
  concurrency: number;
  /** names the process in the lane's row */
  owner: string;
  onJob: OnJob;
}

/** One taker of jobs: claims lanes while it has room for them, and works each off. */
export class LaneWorker {
  readonly #tools: LaneTools;
  readonly #options: WorkerOptions;
  readonly #lanes = new Map<string, { lane: Lane; ended: Promise<void> }>();
  readonly #wakeUps = new Map<string, () => void>();
  #filling: Promise<void> | undefined;
  #again = false;
  #released = false;
  #away = false;

  constructor(tools: LaneTools, options: WorkerOptions) {
    this.#tools = tools;
    this.#options = options;
  }

  /** Looks for work. A lane that we hold looks itself before it is left, so news of that camera needs no query. */
  poke(camera?: string): void {
    if (this.#released || (camera !== undefined && this.#lanes.has(camera))) return;
    if (camera !== undefined && this.#options.camera !== undefined && camera !== this.#options.camera) return;
    this.#again = true;
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
      // A poke that came after the last look and before this line would otherwise wait for the sweep.
      if (this.#again && this.#hasRoom()) this.poke();
    });
  }

  /** Takes no more, puts back what it holds, and resolves when that is done. */
  async release(): Promise<void> {
    this.#released = true;
    for (const cancel of this.#wakeUps.values()) cancel();
    this.#wakeUps.clear();
    await this.#filling;
    const held = [...this.#lanes.values()];
    for (const { lane } of held) lane.release();
    await Promise.all(held.map(({ ended }) => ended));
  }

  #hasRoom(): boolean {
    return !this.#released && this.#lanes.size < this.#options.concurrency;
  }

  async #fill(): Promise<void> {
    try {
      while (this.#again && this.#hasRoom()) {
        this.#again = false;
        while (this.#hasRoom()) {
          const claim = await this.#claim();
          if (claim === 'none') break;
          if (claim !== 'busy') this.#open(claim);
        }
      }
      this.#away = false;
    } catch (error) {
      this.#again = false;
      if (!this.#away) this.#tools.log.warn('no jobs can be taken now; the sweep tries again', { error });
      this.#away = true;
    }
  }

  /** Two statements on purpose: jobs are looked at after the lane's row is locked, or an enqueue in between would be missed. */
  #claim(): Promise<ClaimedLane | 'busy' | 'none'> {
    const { db, batch, leaseMs } = this.#tools;
    return db.tx(async (q) => {
      const camera = await lockFreeLane(q, { camera: this.#options.camera, except: [...this.#lanes.keys()] });
      if (camera === undefined) return 'none';
      if (!(await returnAbandonedJobs(q, camera, JOB_MAX_ATTEMPTS))) {
        await postponeLane(q, camera, POSTPONE_MS);
        return 'busy';
      }
      const epoch = await takeLane(q, camera, this.#options.owner, leaseMs);
      return { camera, epoch, jobs: await takeJobs(q, camera, epoch, batch) };
    });
  }

  #open(claimed: ClaimedLane): void {
    const { camera } = claimed;
    const lane = new Lane(this.#tools, claimed, this.#options.onJob);
    const ended = lane.run().then((end) => {
      this.#lanes.delete(camera);
      if (end.how === 'left' && end.wakeInMs !== undefined) this.#wakeIn(camera, end.wakeInMs);
      this.poke();
    });
    this.#lanes.set(camera, { lane, ended });
  }

  #wakeIn(camera: string, ms: number): void {
    if (this.#released) return;
    this.#wakeUps.get(camera)?.();
    const wake = () => {
      this.#wakeUps.delete(camera);
      this.poke();
    };
    this.#wakeUps.set(camera, this.#tools.clock.after(Math.max(0, ms) + WAKE_MARGIN_MS, wake));
  }
}
