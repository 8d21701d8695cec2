import type { Transition } from '../../runtime/contracts/detection.ts';
import type { EventMessage } from '../../runtime/contracts/events.ts';
import type { StoredFrame } from '../../runtime/contracts/host.ts';
import type { Db } from '../../runtime/db/db.ts';
import { createEvents, type Events } from '../../runtime/events/events.ts';
import { createOutboxRelay, type OutboxRelay, type OutboxSink } from '../../runtime/events/outbox-relay.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { uuidv7 } from '../../runtime/lib/ids.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { FrameShelf } from './frames-fixture.ts';

export const WHERE = { device: 'pi', camera: 'pi-cam', flow: 'analysis' };

/** The stage `events` over a database and a folder, with frames to copy. */
export class EventBench {
  readonly db: Db;
  readonly folder: string;
  readonly shelf = new FrameShelf();
  /** that the flows are at */
  flowsCommit: string | undefined;
  readonly #parts: Part[] = [];

  constructor(db: Db, folder: string) {
    this.db = db;
    this.folder = folder;
  }

  /** As a process would make it at its start. */
  async events(): Promise<Events> {
    const events = createEvents({
      db: this.db,
      clock: systemClock,
      log: silentLog,
      folder: this.folder,
      readFrame: this.shelf.read,
      ...(this.flowsCommit === undefined ? {} : { commit: () => this.flowsCommit }),
    });
    this.#parts.push(events);
    await events.start();
    return events;
  }

  /** A relay, started; without a sweep unless asked for. */
  async relay(sinks: OutboxSink[], options: { sweepMs?: number; keepHours?: number } = {}): Promise<OutboxRelay> {
    const relay = createOutboxRelay({
      db: this.db,
      clock: systemClock,
      log: silentLog,
      sinks,
      sweepMs: 600_000,
      ...options,
    });
    this.#parts.push(relay);
    await relay.start();
    return relay;
  }

  /** What `compareJob` does with transitions. */
  async commit(events: Events, ...transitions: Transition[]): Promise<void> {
    const images = await events.prepareImages(transitions);
    await this.db.tx((q) => events.record(q, WHERE, transitions, images));
  }

  /** Commits a start without pictures; answers its id. */
  async happen(events: Events, fields: Partial<Transition> = {}): Promise<string> {
    const transition = started(fields);
    await this.commit(events, transition);
    return transition.event;
  }

  /** Commits many starts without pictures, in one transaction. */
  async happenOften(events: Events, count: number): Promise<void> {
    await this.commit(events, ...Array.from({ length: count }, () => started()));
  }

  async close(): Promise<void> {
    for (const part of this.#parts.reverse()) await part.stop();
  }
}

/** The moment an interaction starts. */
export function started(fields: Partial<Transition> = {}): Transition {
  return {
    phase: 'start',
    event: uuidv7(),
    type: 'interaction_detected',
    rois: ['L'],
    startedAt: Date.UTC(2026, 10, 20, 23, 59, 59, 500),
    score: 0.41,
    stockChanged: null,
    frames: {},
    details: { decision: 'starting' },
    ...fields,
  };
}

/** The moment that interaction ends, 2 s later. */
export function ended(start: Transition, fields: Partial<Transition> = {}): Transition {
  return { ...start, phase: 'end', endedAt: start.startedAt + 2000, stockChanged: true, score: 0.5, ...fields };
}

/** A sink that keeps what it is given. */
export class KeepingSink implements OutboxSink {
  readonly name: string;
  readonly messages: EventMessage[] = [];
  /** thrown at each delivery while it is set */
  refusal: Error | undefined;
  tries = 0;

  constructor(name = 'keeping') {
    this.name = name;
  }

  async deliver(message: EventMessage): Promise<void> {
    this.tries += 1;
    if (this.refusal) throw this.refusal;
    this.messages.push(message);
  }

  get numbers(): number[] {
    return this.messages.map(({ n }) => n);
  }
}

/** Ids of frames by the role they play. */
export function rolesOf(frames: Record<'pre' | 'during' | 'post', StoredFrame>): Transition['frames'] {
  return { pre: frames.pre.id, during: frames.during.id, post: frames.post.id };
}
