import type { Transition } from '../contracts/detection.ts';
import type { EventMessage, EventRecord } from '../contracts/events.ts';
import type { Queryable } from '../db/db.ts';
import { saveEventImage } from '../db/event-images.repo.ts';
import { closeEvent, type EventPlace, getEvent, insertEvent } from '../db/events.repo.ts';
import { appendOutbox } from '../db/outbox.repo.ts';
import type { PreparedImages } from './images.ts';

/** Where the events were seen, and by which flow. */
export interface EventContext extends EventPlace {
  flow: string;
  /** that FLOWS_DIR was at, where it is a git checkout */
  commit?: string | undefined;
}

/**
 * Enters what began and completes what ended, with its pictures and its message in the outbox, all in the transaction of `q`. The
 * same phase of the same event a second time writes nothing. An end whose start is unknown (a lost database) enters the event closed.
 */
export async function recordTransitions(
  q: Queryable,
  context: EventContext,
  transitions: Transition[],
  prepared: PreparedImages,
  now: number,
): Promise<EventMessage[]> {
  const messages: Omit<EventMessage, 'n'>[] = [];
  for (const transition of transitions) {
    const details = detailsOf(context, transition, prepared);
    const fresh =
      (transition.phase === 'end' && (await closeEvent(q, transition, details))) ||
      (await insertEvent(q, context, transition, details));
    if (!fresh) continue;
    for (const image of prepared.images.get(transition.event) ?? []) await saveEventImage(q, transition.event, image);
    const event = await getEvent(q, transition.event);
    if (event) messages.push({ v: 1, ts: now, phase: transition.phase, event });
  }
  // Last of all: from the first message on, other writers of the outbox wait for this transaction's end.
  const sent: EventMessage[] = [];
  for (const message of messages) {
    const n = await appendOutbox(q, { kind: 'event', key: message.event.id, payload: { ...message } });
    sent.push({ ...message, n });
  }
  return sent;
}

/** A message as it lies in the outbox, with the number it got there. */
export function messageOf(row: { id: number; payload: Record<string, unknown> }): EventMessage {
  const { v, ts, phase, event } = row.payload as unknown as EventMessage;
  return { v, ts, n: row.id, phase, event };
}

function detailsOf(context: EventContext, transition: Transition, prepared: PreparedImages): EventRecord['details'] {
  const missing = prepared.missing.get(transition.event);
  return {
    captures: transition.frames,
    ...transition.details,
    flow: context.flow,
    ...(context.commit === undefined ? {} : { commit: context.commit }),
    ...(missing ? { images_missing: missing } : {}),
  };
}
