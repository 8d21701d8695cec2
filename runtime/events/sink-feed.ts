import type { EventMessage } from '../contracts/events.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { Backoff } from '../lib/backoff.ts';

/** Messages read at once. */
const PAGE = 50;

export interface SinkFeedOptions {
  clock: Clock;
  log: Log;
  name: string;
  /** unpublished messages above an `n`, in order */
  read(after: number, limit: number): Promise<EventMessage[]>;
  deliver(message: EventMessage): Promise<void>;
  /** called after each page that was delivered */
  onProgress(): Promise<void>;
}

/** Feeds one sink in order: what it does not take is offered again until it does, and nothing overtakes it. */
export class SinkFeed {
  readonly name: string;
  readonly #options: SinkFeedOptions;
  readonly #stopping = new AbortController();
  readonly #backoff = new Backoff({ firstMs: 1000, maxMs: 30_000 });
  #position = 0;
  #trouble: string | undefined;
  #draining: Promise<void> | undefined;
  #again = false;

  constructor(options: SinkFeedOptions) {
    this.#options = options;
    this.name = options.name;
  }

  /** The highest `n` that the sink has taken from us. */
  get position(): number {
    return this.#position;
  }

  /** Why the sink takes nothing now. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Looks for messages, now or right after the look that is under way. */
  poke(): void {
    if (this.#stopping.signal.aborted) return;
    this.#again = true;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      if (this.#again) this.poke();
    });
  }

  /** Offers nothing more; a delivery that is under way is not waited for. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#again && !signal.aborted) {
      this.#again = false;
      await this.#insist(async () => {
        const messages = await this.#options.read(this.#position, PAGE);
        for (const message of messages) {
          if (!(await this.#offer(message))) return;
          this.#position = message.n;
        }
        if (messages.length > 0) await this.#options.onProgress();
        if (messages.length === PAGE) this.#again = true;
      });
    }
    this.#again = false;
  }

  /** False when the feed was stopped before the sink answered. */
  async #offer(message: EventMessage): Promise<boolean> {
    const { signal } = this.#stopping;
    if (signal.aborted) return false;
    const stopped = Promise.withResolvers<false>();
    const onAbort = () => stopped.resolve(false);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([this.#options.deliver(message).then(() => true), stopped.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Does it again until it works; says so once, and once when it works again. */
  async #insist(work: () => Promise<void>): Promise<void> {
    const { clock, log, name } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await work();
        if (this.#trouble !== undefined) log.info('messages are taken again', { sink: name });
        this.#trouble = undefined;
        this.#backoff.reset();
        return;
      } catch (error) {
        if (this.#trouble === undefined) log.warn('messages are not taken; trying again', { sink: name, error });
        this.#trouble = error instanceof Error ? error.message : String(error);
        await clock.sleep(this.#backoff.next(), signal).catch(() => undefined);
      }
    }
  }
}
