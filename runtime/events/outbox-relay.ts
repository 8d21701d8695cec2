import type { EventMessage } from '../contracts/events.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { Db } from '../db/db.ts';
import { deletePublished, markPublished, unpublishedAfter } from '../db/outbox.repo.ts';
import type { Part } from '../lib/part.ts';
import { messageOf } from './record.ts';
import { SinkFeed } from './sink-feed.ts';

/** Somebody who is told of every event. A message may come again after a crash, then with the same `n`. */
export interface OutboxSink {
  /** for the log */
  name: string;
  /** Resolves once the message is in safe hands; a rejection is tried again. */
  deliver(message: EventMessage): Promise<void>;
}

export interface OutboxRelayOptions {
  db: Db;
  clock: Clock;
  log: Log;
  sinks: OutboxSink[];
  /** how long published messages stay, for subscribers who come back */
  keepHours?: number;
  /** how often the outbox is looked through without a wake-up */
  sweepMs?: number;
}

export interface OutboxRelay extends Part {
  /** which sinks do not take their messages now, and why; undefined when all do */
  trouble(): string | undefined;
}

const PRUNE_EVERY_MS = 10 * 60_000;

/**
 * Carries messages out of the outbox: to every sink, in order, each at its own pace; published is what all have taken. One relay per
 * database: two would tell everybody twice.
 */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  const { db, clock, keepHours = 24, sweepMs = 5000 } = options;
  const log = options.log.child('outbox');
  let feeds: SinkFeed[] = [];
  let published = 0;
  let running = false;
  let prunedAt = Number.NEGATIVE_INFINITY;
  let away = false;
  let unlisten: (() => Promise<void>) | undefined;
  let cancelSweep = () => {};

  const publish = async () => {
    const upTo = Math.min(...feeds.map((feed) => feed.position));
    if (upTo <= published) return;
    await markPublished(db, 'event', upTo);
    published = Math.max(published, upTo);
  };
  const prune = async () => {
    if (clock.monotonicMs() - prunedAt < PRUNE_EVERY_MS) return;
    prunedAt = clock.monotonicMs();
    await deletePublished(db, keepHours);
  };
  const poke = () => {
    for (const feed of feeds) feed.poke();
  };
  const tend = async () => {
    try {
      await publish();
      await prune();
      away = false;
    } catch (error) {
      if (!away) log.warn('the outbox cannot be tended now; the sweep tries again', { error });
      away = true;
    }
  };
  const sweep = () => {
    cancelSweep = clock.after(sweepMs, () => {
      poke();
      void tend();
      sweep();
    });
  };

  return {
    trouble() {
      const words = feeds.flatMap((feed) => (feed.trouble === undefined ? [] : [`${feed.name}: ${feed.trouble}`]));
      return words.length > 0 ? words.join('; ') : undefined;
    },

    async start() {
      if (running) return;
      running = true;
      published = 0;
      feeds = options.sinks.map(
        (sink) =>
          new SinkFeed({
            clock,
            log,
            name: sink.name,
            read: async (after, limit) => (await unpublishedAfter(db, 'event', after, limit)).map(messageOf),
            deliver: (message) => sink.deliver(message),
            onProgress: publish,
          }),
      );
      unlisten = await db.listen('redeye_outbox', poke);
      poke();
      void tend();
      sweep();
    },

    async stop() {
      running = false;
      cancelSweep();
      await unlisten?.();
      unlisten = undefined;
      await Promise.all(feeds.map((feed) => feed.stop()));
    },
  };
}
