import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Part } from '../../runtime/lib/part.ts';
import type { PictureDelivery } from '../ipc.ts';
import type { WaitingPicture } from '../outbox/names.ts';
import type { Outbox, OwnPicture } from '../outbox/outbox.ts';
import { Pause } from './pause.ts';
import type { PictureVerdict, PostPicture } from './picture-post.ts';

/** Pauses before the second try and those after it (S0.35): 5 s, 30 s, 5 min, 30 min, 2 h; then it is given up. */
export const RETRY_PAUSES_MS: readonly number[] = [5_000, 30_000, 300_000, 1_800_000, 7_200_000];
/** Who captures waits so long for the server; what is not there by then is `queued`. */
export const CALL_WAIT_MS = 10_000;

export interface PictureUploadOptions {
  outbox: Outbox;
  post: PostPicture;
  clock: Clock;
  log: Log;
  /** `status` says something else now */
  onChange?: () => void;
}

interface Caller {
  resolve(delivery: PictureDelivery): void;
  reject(error: unknown): void;
}

/** When a picture may be tried again, and whether it was the server that could not. */
interface Rest {
  due: number;
  isServers: boolean;
}

/**
 * Brings what the outbox holds, one picture after the other, in the order in which they were taken. While the server is away only the
 * oldest is tried, by its pauses, and nobody goes ahead of it; a new capture, or the server that was heard of, has it tried at once without
 * counting. A picture that the server will never take is given up at once, one that it could not take after the last pause.
 */
export class PictureUpload implements Part {
  readonly #options: PictureUploadOptions;
  readonly #pause: Pause;
  readonly #ending = new AbortController();
  readonly #callers = new Map<string, Caller>();
  readonly #rests = new Map<number, Rest>();
  #isHurried = true;
  #sent = 0;
  #reason: string | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: PictureUploadOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
  }

  async start(): Promise<void> {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#pause.end();
    await this.#loop;
    this.#leave(this.#options.outbox.waiting());
  }

  /** Brought since the start, and why the oldest waits. */
  status(): { sent: number; reason?: string } {
    const isWaiting = this.#options.outbox.counts().waiting > 0;
    return { sent: this.#sent, ...(isWaiting && this.#reason !== undefined && { reason: this.#reason }) };
  }

  /** The server was heard of, or the dead were brought back: what waits is tried now. */
  hurry(): void {
    this.#isHurried = true;
    this.#pause.cut();
  }

  /**
   * Keeps the picture and tries to bring it. Answers `uploaded` when the server has it within 10 s, else `queued`: then it is safe on disk and
   * goes by itself. Throws what the server says of one that it will never take, which is not kept then, and what the disk says.
   */
  async bring(id: string, picture: OwnPicture): Promise<PictureDelivery> {
    const delivery = Promise.withResolvers<PictureDelivery>();
    this.#callers.set(id, delivery);
    const cancel = this.#options.clock.after(CALL_WAIT_MS, () => delivery.resolve({ status: 'queued' }));
    try {
      await this.#options.outbox.add(id, picture);
      if (this.#ending.signal.aborted) return { status: 'queued' };
      this.hurry();
      return await delivery.promise;
    } finally {
      cancel();
      this.#callers.delete(id);
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const isHurried = this.#isHurried;
      this.#isHurried = false;
      try {
        await this.#pass(isHurried);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.error('bringing captures stumbled', { error });
        this.#leave(this.#options.outbox.waiting());
        await this.#pause.wait(RETRY_PAUSES_MS[0]);
        continue;
      }
      const ms = this.#untilDue();
      if (ms !== 0) await this.#pause.wait(ms);
    }
  }

  /** Tries what may be tried, until the server cannot take any. */
  async #pass(isHurried: boolean): Promise<void> {
    const { outbox, post, clock } = this.#options;
    const waiting = outbox.waiting();
    for (const n of this.#rests.keys()) if (!waiting.some((entry) => entry.n === n)) this.#rests.delete(n);
    for (const entry of waiting) {
      const rest = this.#rests.get(entry.n);
      const isEarly = rest !== undefined && clock.monotonicMs() < rest.due;
      if (isEarly && !rest.isServers) continue;
      if (isEarly && !isHurried) break;
      if (rest && !isEarly) await outbox.step(entry);
      const picture = await outbox.hold(entry);
      if (!picture) continue;
      const verdict = await post(entry.id, picture, this.#ending.signal);
      const goesOn = await this.#act(entry, verdict, isEarly ? rest : undefined);
      this.#options.onChange?.();
      if (!goesOn) break;
    }
    this.#leave(waiting);
  }

  /** False when the others need not be tried. */
  async #act(entry: WaitingPicture, verdict: PictureVerdict, before: Rest | undefined): Promise<boolean> {
    const { outbox, log, clock } = this.#options;
    const caller = this.#callers.get(entry.id);
    if (verdict.kind === 'stored') {
      await outbox.remove(entry);
      this.#sent += 1;
      this.#reason = undefined;
      this.#rests.delete(entry.n);
      if (caller) caller.resolve({ status: 'uploaded', image: verdict.image });
      else log.info('a capture that had waited is brought', { image: entry.id, as: verdict.image });
      return true;
    }
    if (verdict.kind === 'never') {
      this.#rests.delete(entry.n);
      // Who waits is told, and has lost nothing that was promised.
      if (caller) {
        await outbox.remove(entry);
        caller.reject(new AppError(verdict.code, verdict.reason));
      } else await this.#giveUp(entry, verdict.code, verdict.reason);
      return true;
    }
    const { why, reason, isServers, retryAfterMs = 0 } = verdict;
    if (this.#reason !== reason) log.warn('captures of this device wait for the server', { reason });
    this.#reason = reason;
    const pause = RETRY_PAUSES_MS[entry.step];
    if (before) this.#rests.set(entry.n, { ...before, isServers });
    else if (pause === undefined) {
      this.#rests.delete(entry.n);
      await this.#giveUp(entry, why, reason);
      // The pauses of the next one begin with a try of its own.
      return true;
    } else this.#rests.set(entry.n, { due: clock.monotonicMs() + Math.max(pause, retryAfterMs), isServers });
    return !isServers;
  }

  async #giveUp(entry: WaitingPicture, why: string, reason: string): Promise<void> {
    const { outbox, log } = this.#options;
    log.warn('a capture is given up; an operator can have it tried again', { image: entry.id, why, reason });
    await outbox.bury(entry, why);
  }

  /** Nobody waits any longer for these. */
  #leave(entries: readonly WaitingPicture[]): void {
    for (const { id } of entries) this.#callers.get(id)?.resolve({ status: 'queued' });
  }

  /** How long nothing is due, in ms; undefined when only something new can change that. */
  #untilDue(): number | undefined {
    let due: number | undefined;
    for (const { n } of this.#options.outbox.waiting()) {
      const rest = this.#rests.get(n);
      if (!rest) continue;
      due = Math.min(due ?? rest.due, rest.due);
      // Who waits behind it is not tried before it.
      if (rest.isServers) break;
    }
    return due === undefined ? undefined : Math.max(0, due - this.#options.clock.monotonicMs());
  }
}
