import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transition } from '../contracts/detection.ts';
import { AppError } from '../contracts/errors.ts';
import type { EventMessage, EventRecord } from '../contracts/events.ts';
import type { Clock, Log } from '../contracts/host.ts';
import type { EventsService } from '../contracts/services.ts';
import { writeAudit } from '../db/audit.repo.ts';
import type { Db, Queryable } from '../db/db.ts';
import { eventImagePath } from '../db/event-images.repo.ts';
import { type EventPosition, getEvent, listEvents, patchEvent } from '../db/events.repo.ts';
import { ensureFolder } from '../lib/files.ts';
import { isUuid } from '../lib/ids.ts';
import type { Part } from '../lib/part.ts';
import { type PreparedImages, prepareImages, type ReadFrame } from './images.ts';
import type { OutboxSink } from './outbox-relay.ts';
import { type EventContext, recordTransitions } from './record.ts';
import { Subscribers } from './subscribers.ts';

export interface EventsOptions {
  db: Db;
  clock: Clock;
  log: Log;
  /** the data folder; pictures go below `events/` in it */
  folder: string;
  readFrame: ReadFrame;
  /** that FLOWS_DIR is at, where it is a git checkout */
  commit?: () => string | undefined;
}

export interface Events extends Part, EventsService {
  /** Copies the pictures of these transitions to disk; to be called BEFORE the transaction in which `record` is. */
  prepareImages(transitions: Transition[]): Promise<PreparedImages>;
  /** Enters the transitions with their pictures and outgoing messages, in the transaction of `q`. */
  record(q: Queryable, context: EventContext, transitions: Transition[], images: PreparedImages): Promise<void>;
  /** Feeds the subscribers of this process; to be given to the outbox relay. */
  readonly sink: OutboxSink;
}

/** What happened in front of the cameras: rows, pictures, and who is told. */
export function createEvents(options: EventsOptions): Events {
  const { db, clock, folder, readFrame, commit } = options;
  const log = options.log.child('events');
  const subscribers = new Subscribers({ db, clock, log });

  const get = async (id: string, q: Queryable = db): Promise<EventRecord> => {
    const event = isUuid(id) ? await getEvent(q, id) : undefined;
    if (!event) throw new AppError('event.not_found', `there is no event ${id}`);
    return event;
  };

  return {
    sink: {
      name: 'subscribers',
      async deliver(message: EventMessage) {
        subscribers.deliver(message);
      },
    },
    prepareImages: (transitions) => prepareImages({ q: db, folder, readFrame }, transitions),

    async record(q, context, transitions, images) {
      await recordTransitions(q, { ...context, commit: commit?.() }, transitions, images, clock.now());
    },

    async list({ cursor, ...query }) {
      const after = cursor === undefined ? undefined : parseCursor(cursor);
      const items = await listEvents(db, { ...query, limit: query.limit + 1, after });
      const more = items.length > query.limit;
      if (more) items.pop();
      const last = items.at(-1);
      return { items, next: more && last ? `${Date.parse(last.started_at)}.${last.id}` : null };
    },

    get: (id) => get(id),

    async patch(id, change, actor) {
      return db.tx(async (q) => {
        await get(id, q);
        await patchEvent(q, id, change);
        await writeAudit(q, {
          actor: actor.name,
          action: 'event.patch',
          object: `event/${id}`,
          ip: actor.ip,
          details: { ...change },
        });
        return get(id, q);
      });
    },

    async image(id, role) {
      const path = isUuid(id) ? await eventImagePath(db, id, role) : undefined;
      const missing = `event ${id} has no picture "${role}"`;
      if (path === undefined) throw new AppError('image.not_found', missing);
      try {
        return await readFile(join(folder, path));
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
        throw new AppError('image.not_found', `${missing} any more`, {}, { cause });
      }
    },

    subscribe: (onEvent, after) => subscribers.subscribe(onEvent, after),

    async start() {
      await ensureFolder(join(folder, 'events'));
    },

    async stop() {
      subscribers.stop();
    },
  };
}

function parseCursor(cursor: string): EventPosition {
  const [startedAt = '', id = ''] = cursor.split('.');
  if (!/^\d{1,15}$/.test(startedAt) || !isUuid(id)) {
    throw new AppError('request.invalid', 'cursor is not one that we gave', { field: 'cursor' });
  }
  return { startedAt: Number(startedAt), id };
}
