import type { CaptureOptions } from '../contracts/cameras.ts';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { CaptureDemand, type Tuning } from './capture-demand.ts';
import type { DriverStatus } from './driver.ts';
import { type Ending, type Launch, type PictureProcess, startPictureProcess } from './picture-process.ts';
import { RestartPause } from './restart-pause.ts';

export interface NewestPictureOptions {
  /** how to start the program for a tuning */
  launch?(tuning: Tuning): Launch;
  /** in place of a program: what reads pictures by itself */
  start?(tuning: Tuning, onPicture: (jpeg: Buffer) => void): PictureProcess;
  /** the program's last words as a sentence for people */
  explain(stderr: string): string;
  /** false for a program that cannot be tuned while a camera is hot (its pictures are fitted afterwards) */
  tunable: boolean;
  clock: Clock;
  log: Log;
  random?: () => number;
  limits?: Partial<Limits>;
}

interface Limits {
  /** a running program that gives nothing for so long is killed */
  silenceMs: number;
  /** so long may the first picture take: a camera may have 10 s between two key frames */
  firstPictureMs: number;
  /** the program ends so long after the last capture */
  lingerMs: number;
  /** an older picture is not shown as that of now; the next one is waited for */
  freshMs: number;
  /** pictures of so long after the first are not shown: a camera that has just woken up is dark */
  settleMs: number;
}

const LIMITS: Limits = { silenceMs: 5000, firstPictureMs: 15_000, lingerMs: 30_000, freshMs: 500, settleMs: 0 };
/** A source that gave pictures for so long is well: its next failure counts as the first. */
const WELL_MS = 10_000;

export interface ShownPicture {
  jpeg: Buffer;
  /** epoch ms at which it arrived */
  shownAt: number;
}

type Place =
  | { at: 'idle' | 'closed' }
  | { at: 'running'; run: Run }
  | { at: 'stopping'; run: Run }
  | { at: 'resting'; cancel: () => void };

interface Run {
  process: PictureProcess;
  tuning: Tuning;
  startedMs: number;
  /** on the monotonic clock, of the last picture; undefined before the first */
  pictureMs?: number;
  settledMs?: number;
  /** why it was killed, where its own words would not tell */
  verdict?: string;
  /** it ends to be started again like this */
  next?: Tuning;
}

interface Waiter {
  resolve(picture: ShownPicture): void;
  reject(error: unknown): void;
}

/**
 * Keeps the newest picture of a program that writes JPEGs: started by the first capture, ended some time after the last, killed
 * when it falls silent, started again with growing pauses. Every end that was not asked for is a failure, whatever its exit code.
 */
export class NewestPicture {
  readonly #options: NewestPictureOptions;
  readonly #limits: Limits;
  readonly #demand = new CaptureDemand();
  readonly #pause: RestartPause;
  readonly #waiting = new Set<Waiter>();
  #place: Place = { at: 'idle' };
  #newest: (ShownPicture & { atMs: number }) | undefined;
  #trouble: { state: 'stalled' | 'failed'; error: AppError } | undefined;
  #lastFrameAt: number | undefined;
  #stopLinger = () => {};
  #stopWatch = () => {};

  constructor(options: NewestPictureOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#pause = new RestartPause(options.random);
  }

  /** The picture of now. Throws the reason at once while a source that gave nothing is resting between two tries. */
  async take(options: CaptureOptions, signal?: AbortSignal): Promise<ShownPicture> {
    signal?.throwIfAborted();
    if (this.#place.at === 'closed') throw new AppError('camera.unreachable', 'the camera has been closed');
    const now = this.#options.clock.monotonicMs();
    this.#demand.note(options, now);
    this.#linger();
    if (this.#place.at === 'idle') this.#start(this.#demand.first());
    else if (this.#place.at === 'running') this.#retune(this.#place.run);
    else if (this.#place.at === 'resting' && this.#trouble?.state === 'failed') throw this.#trouble.error;
    if (this.#newest && now - this.#newest.atMs <= this.#limits.freshMs) return this.#newest;
    return this.#next(signal);
  }

  status(): DriverStatus {
    const status: DriverStatus = { state: 'idle' };
    if (this.#lastFrameAt !== undefined) status.lastFrameAt = this.#lastFrameAt;
    if (this.#trouble) return { ...status, state: this.#trouble.state, reason: this.#trouble.error.message };
    if (this.#place.at === 'running' && this.#newest) return { ...status, state: 'live' };
    if (this.#place.at === 'running') return { ...status, reason: 'waiting for the first picture' };
    return status;
  }

  /** Ends the program; resolves when it is gone. */
  async close(): Promise<void> {
    const place = this.#place;
    this.#place = { at: 'closed' };
    this.#stopLinger();
    this.#stopWatch();
    this.#refuse(new AppError('camera.unreachable', 'the camera has been closed'));
    this.#newest = undefined;
    if (place.at === 'resting') place.cancel();
    if (place.at !== 'running' && place.at !== 'stopping') return;
    if (place.at === 'running') place.run.process.stop();
    await place.run.process.gone;
  }

  #start(tuning: Tuning): void {
    const { clock } = this.#options;
    const process = this.#open(tuning, (jpeg) => this.#show(run, jpeg));
    const run: Run = { process, tuning, startedMs: clock.monotonicMs() };
    this.#place = { at: 'running', run };
    this.#watch(run);
    void process.gone.then((ending) => this.#gone(run, ending));
  }

  #open(tuning: Tuning, onPicture: (jpeg: Buffer) => void): PictureProcess {
    const { clock, launch, start } = this.#options;
    if (start) return start(tuning, onPicture);
    if (!launch) throw new AppError('internal.error', 'there is nothing to start');
    return startPictureProcess(launch(tuning), clock, onPicture);
  }

  #show(run: Run, jpeg: Buffer): void {
    if (this.#place.at !== 'running' || this.#place.run !== run) return;
    const { clock, log } = this.#options;
    const atMs = clock.monotonicMs();
    run.pictureMs = atMs;
    run.settledMs ??= atMs + this.#limits.settleMs;
    if (atMs < run.settledMs) return;
    this.#lastFrameAt = clock.now();
    this.#newest = { jpeg, shownAt: this.#lastFrameAt, atMs };
    if (atMs - run.startedMs > WELL_MS) this.#pause.reset();
    if (this.#trouble) log.info('camera gives pictures again');
    this.#trouble = undefined;
    for (const waiter of this.#waiting) waiter.resolve(this.#newest);
    this.#waiting.clear();
  }

  /** One timer that looks again when the newest picture it knew of would be too old: cheaper than one per picture. */
  #watch(run: Run): void {
    const { clock } = this.#options;
    this.#stopWatch();
    const limit = run.pictureMs === undefined ? this.#limits.firstPictureMs : this.#limits.silenceMs;
    const quietMs = clock.monotonicMs() - (run.pictureMs ?? run.startedMs);
    if (quietMs >= limit) {
      run.verdict = `gave no picture for ${Math.round(quietMs / 1000)} s`;
      run.process.kill();
      return;
    }
    // Never longer than the shorter limit, since the first picture makes that one count.
    const waitMs = Math.min(limit - quietMs, this.#limits.silenceMs);
    this.#stopWatch = clock.after(waitMs, () => this.#watch(run));
  }

  #gone(run: Run, ending: Ending): void {
    const place = this.#place;
    if ((place.at !== 'running' && place.at !== 'stopping') || place.run !== run) return;
    this.#stopWatch();
    if (run.next) {
      this.#start(run.next);
    } else if (place.at === 'running') {
      this.#fail(run, ending);
    } else {
      this.#place = { at: 'idle' };
      if (this.#waiting.size > 0) this.#start(this.#demand.first());
    }
  }

  #fail(run: Run, ending: Ending): void {
    const { clock, log, explain } = this.#options;
    const reason = run.verdict ? `the camera ${run.verdict}` : explain(ending.stderr);
    const error = ending.error ?? new AppError('camera.unreachable', reason);
    const wasLive = run.pictureMs !== undefined || (this.#newest !== undefined && !this.#trouble);
    if (this.#trouble?.error.message !== error.message) log.warn('camera gives no picture', { reason: error.message });
    this.#trouble = { state: wasLive ? 'stalled' : 'failed', error };
    this.#newest = undefined;
    // Who waits through a hiccup still gets a picture; who waits for a camera that is not there is told.
    if (!wasLive) this.#refuse(error);
    const cancel = clock.after(this.#pause.next(), () => this.#start(this.#demand.first()));
    this.#place = { at: 'resting', cancel };
  }

  #retune(run: Run): void {
    if (!this.#options.tunable || run.pictureMs === undefined || run.next) return;
    run.next = this.#demand.better(run.tuning);
    if (run.next) run.process.stop();
  }

  #linger(): void {
    this.#stopLinger();
    this.#stopLinger = this.#options.clock.after(this.#limits.lingerMs, () => {
      if (this.#waiting.size > 0) this.#linger();
      else this.#rest();
    });
  }

  /** Nobody has looked for a while. */
  #rest(): void {
    const place = this.#place;
    this.#newest = undefined;
    if (place.at === 'resting') {
      place.cancel();
      this.#place = { at: 'idle' };
    } else if (place.at === 'running') {
      place.run.next = undefined;
      this.#stopWatch();
      this.#place = { at: 'stopping', run: place.run };
      place.run.process.stop();
    }
  }

  #next(signal?: AbortSignal): Promise<ShownPicture> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (picture) => finish(() => resolve(picture)),
        reject: (error) => finish(() => reject(error)),
      };
      const abort = () => waiter.reject(signal?.reason);
      const finish = (settle: () => void) => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', abort);
        // A picture may take long to come: the time without captures begins when it is there.
        if (this.#place.at !== 'closed') this.#linger();
        settle();
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #refuse(error: AppError): void {
    for (const waiter of this.#waiting) waiter.reject(error);
  }
}
