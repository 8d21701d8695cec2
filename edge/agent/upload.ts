import type { Clock, Log, Release, UploadStatus } from '../../runtime/contracts/host.ts';
import { Backoff } from '../../runtime/lib/backoff.ts';
import type { Part } from '../../runtime/lib/part.ts';
import type { Spool } from '../spool/spool.ts';
import type { PostFrame, Verdict } from './frame-post.ts';
import { Pause } from './pause.ts';

const SHORTEST_WAIT_MS = 500;
const REFUSED_RETRY_MS = 60_000;
/** A server that keeps contradicting itself is given time after so many conflicts in a row. */
const CONFLICTS_IN_A_ROW = 3;

export interface UploadOptions {
  spool: Spool;
  post: PostFrame;
  clock: Clock;
  log: Log;
  random?: () => number;
}

/**
 * Sends what the spool holds, one frame after the other, oldest first, for as long as it takes. Each row of the table in CONTRACTS §4
 * has its deed in `#act`; a frame leaves the spool only on the server's word.
 */
export class Upload implements Part {
  readonly #options: UploadOptions;
  readonly #backoff: Backoff;
  readonly #arrival: Pause;
  readonly #rest: Pause;
  readonly #watchers = new Set<(status: UploadStatus) => void>();
  readonly #ending = new AbortController();
  #state: UploadStatus['state'] = 'idle';
  #reason: string | undefined;
  #sent = 0;
  #lastSentAt: number | undefined;
  #conflicts = 0;
  #loop: Promise<void> | undefined;
  #unwatch: Release | undefined;

  constructor(options: UploadOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ firstMs: 1000, maxMs: 60_000, random: options.random ?? Math.random });
    this.#arrival = new Pause(options.clock);
    this.#rest = new Pause(options.clock);
  }

  async start(): Promise<void> {
    if (this.#loop) return;
    this.#unwatch = this.#options.spool.watch(() => {
      this.#arrival.cut();
      this.#tell();
    });
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#arrival.end();
    this.#rest.end();
    this.#unwatch?.();
    await this.#loop;
  }

  /** The server was heard of: a wait for its return ends. A refused key is not tried any sooner. */
  hurry(): void {
    if (this.#state !== 'waiting') return;
    this.#backoff.reset();
    this.#rest.cut();
  }

  /** How it stands, for nodes, pages and the heartbeat. */
  status(): UploadStatus {
    const { frames, bytes, rejected, dropped } = this.#options.spool.counts();
    return {
      state: this.#state,
      frames,
      bytes,
      sent: this.#sent,
      rejected,
      dropped,
      ...(this.#lastSentAt === undefined ? {} : { lastSentAt: this.#lastSentAt }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    };
  }

  watch(onChange: (status: UploadStatus) => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  async #run(): Promise<void> {
    const { spool, post, log } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        const next = spool.settled ? await spool.take() : undefined;
        if (!next) {
          const unsettled = !spool.settled && spool.counts().frames > 0;
          this.#become(unsettled ? 'waiting' : 'idle', unsettled ? 'for the first word of the server' : undefined);
          await this.#arrival.wait();
          continue;
        }
        if (this.#state !== 'waiting' && this.#state !== 'refused') this.#become('sending');
        this.#rest.forget();
        await this.#act(next.seq, await post(next.seq, next.frame, signal));
      } catch (error) {
        if (signal.aborted) return;
        log.error('upload stumbled', { error });
        await this.#wait('waiting', String(error), this.#backoff.next());
      }
    }
  }

  async #act(seq: number, verdict: Verdict): Promise<void> {
    const { spool, log, clock } = this.#options;
    if (verdict.kind !== 'conflict') this.#conflicts = 0;
    switch (verdict.kind) {
      case 'stored':
        this.#backoff.reset();
        this.#sent += 1;
        this.#lastSentAt = clock.now();
        await spool.acknowledge(seq);
        return this.#become('sending');
      case 'conflict': {
        this.#conflicts += 1;
        const moved = await spool.renumber(Math.max(verdict.lastSeq, seq));
        log.warn('the server has other frames under our numbers: renumbered', {
          seq,
          last_seq: verdict.lastSeq,
          moved,
        });
        if (this.#conflicts < CONFLICTS_IN_A_ROW) return;
        return this.#wait('waiting', 'the server contradicts our numbers again and again', this.#backoff.next());
      }
      case 'rejected':
        log.warn('frame rejected', { seq, reason: verdict.reason });
        this.#backoff.reset();
        await spool.reject(seq);
        return this.#become('sending', verdict.reason);
      case 'refused':
        return this.#wait('refused', verdict.reason, REFUSED_RETRY_MS);
      case 'later': {
        const backoffMs = this.#backoff.next();
        const asked = verdict.retryAfterMs;
        return this.#wait('waiting', verdict.reason, asked === undefined ? backoffMs : this.#spread(asked));
      }
    }
  }

  /** What the server asked for, and up to a fifth more, so that not all devices are back at the same moment. */
  #spread(ms: number): number {
    return Math.round(Math.max(ms, SHORTEST_WAIT_MS) * (1 + 0.2 * (this.#options.random ?? Math.random)()));
  }

  async #wait(state: 'waiting' | 'refused', reason: string, ms: number): Promise<void> {
    if (this.#state !== state || this.#reason !== reason) {
      this.#options.log.warn(state === 'refused' ? 'the server refuses this device' : 'frames wait for the server', {
        reason,
        retry_ms: ms,
      });
    }
    this.#become(state, reason);
    await this.#rest.wait(ms);
  }

  #become(state: UploadStatus['state'], reason?: string): void {
    if (this.#state === state && this.#reason === reason) return;
    if ((this.#state === 'waiting' || this.#state === 'refused') && state === 'sending') {
      this.#options.log.info('frames flow again', { frames: this.#options.spool.counts().frames });
    }
    this.#state = state;
    this.#reason = reason;
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher(this.status());
  }
}
