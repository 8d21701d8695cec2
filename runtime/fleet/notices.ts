import { randomUUID } from 'node:crypto';
import type { Db, Queryable } from '../db/db.ts';
import { notifyServers } from '../db/devices.repo.ts';

/** What changed, as the server processes tell each other; the subject is a device (keys, config) or a camera (rois, cameras). */
export type NoticeKind = 'keys' | 'config' | 'rois' | 'cameras';

/** Called with the subject, or with undefined when notices may have been missed: then everything may have changed. */
export type NoticeHandler = (subject: string | undefined) => void;

/**
 * Keeps the caches of several server processes in step through the database's NOTIFY. A process does not hear itself: it acts
 * on its own changes at once, without waiting for the way through the database.
 */
export class Notices {
  readonly #db: Db;
  readonly #self = randomUUID();
  #releases: (() => Promise<void>)[] = [];

  constructor(db: Db) {
    this.#db = db;
  }

  /** Tells the other processes when the transaction commits. */
  async send(q: Queryable, kind: NoticeKind, subject: string): Promise<void> {
    await notifyServers(q, `redeye_${kind}`, `${this.#self} ${subject}`);
  }

  /** Listens until `stop`. */
  async start(handlers: Record<NoticeKind, NoticeHandler>): Promise<void> {
    for (const [kind, handle] of Object.entries(handlers)) {
      const release = await this.#db.listen(`redeye_${kind}`, (payload) => {
        const [from, subject] = payload.split(' ');
        if (from !== this.#self) handle(subject);
      });
      this.#releases.push(release);
    }
  }

  /** Stops listening. */
  async stop(): Promise<void> {
    const releases = this.#releases;
    this.#releases = [];
    for (const release of releases) await release();
  }
}
