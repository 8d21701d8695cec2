import type { EventMessage } from '../contracts/events.ts';
import type { Clock, Log, Release } from '../contracts/host.ts';
import type { Db } from '../db/db.ts';
import { outboxAfter, outboxTop } from '../db/outbox.repo.ts';
import { Backoff } from '../lib/backoff.ts';
import { messageOf } from './record.ts';

/** Rows read at once while a subscriber catches up. */
const PAGE = 100;

interface Subscriber {
  onEvent(message: EventMessage): void;
  /** the highest `n` it got: nothing is given twice */
  last: number;
  live: boolean;
  /** `last` has been held against what is there */
  checked: boolean;
  /** a message passed by while it was catching up */
  behind: boolean;
}

/** Those inside this process who want to hear of events. */
export class Subscribers {
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #subscribers = new Set<Subscriber>();
  #stopped = new AbortController();

  constructor(options: { db: Db; clock: Clock; log: Log }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** From now on; with `after` first what the outbox still holds above that `n`, then live, without gap or repetition. */
  subscribe(onEvent: (message: EventMessage) => void, options: { after?: number } = {}): Release {
    const live = options.after === undefined;
    const subscriber: Subscriber = { onEvent, last: options.after ?? 0, live, checked: live, behind: false };
    this.#subscribers.add(subscriber);
    if (!live) void this.#catchUp(subscriber);
    return () => {
      this.#subscribers.delete(subscriber);
    };
  }

  /** Hands a message to all; one that is catching up will find it in the outbox. */
  deliver(message: EventMessage): void {
    for (const subscriber of [...this.#subscribers]) {
      if (subscriber.live) this.#give(subscriber, message);
      else subscriber.behind = true;
    }
  }

  /** Forgets everybody. */
  stop(): void {
    this.#subscribers.clear();
    this.#stopped.abort();
    this.#stopped = new AbortController();
  }

  async #catchUp(subscriber: Subscriber): Promise<void> {
    const { signal } = this.#stopped;
    const backoff = new Backoff({ firstMs: 200, maxMs: 5000 });
    while (this.#subscribers.has(subscriber)) {
      subscriber.behind = false;
      try {
        if (!subscriber.checked) {
          // Numbers go back when the database was put back from a backup; an `after` from before would silence what comes.
          subscriber.last = Math.min(subscriber.last, await outboxTop(this.#db, 'event'));
          subscriber.checked = true;
        }
        const rows = await outboxAfter(this.#db, 'event', subscriber.last, PAGE);
        for (const row of rows) this.#give(subscriber, messageOf(row));
        if (rows.length < PAGE && !subscriber.behind) {
          subscriber.live = true;
          return;
        }
      } catch (error) {
        this.#log.warn('a subscriber waits for the outbox', { error });
        await this.#clock.sleep(backoff.next(), signal).catch(() => undefined);
      }
    }
  }

  #give(subscriber: Subscriber, message: EventMessage): void {
    if (!this.#subscribers.has(subscriber) || message.n <= subscriber.last) return;
    subscriber.last = message.n;
    try {
      subscriber.onEvent(message);
    } catch (error) {
      this.#log.error('a subscriber of events threw', { n: message.n, error });
    }
  }
}
