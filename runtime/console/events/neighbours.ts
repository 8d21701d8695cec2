import type { EventRecord } from '../../contracts/events.ts';
import { calls } from '../api/calls.ts';
import { type Filters, queryOf } from './filters.ts';

const MOST = 200;
/** The list comes newest first only: what is right after an event is looked for in ever longer spans. */
const SPANS_MS = [600_000, 12 * 3_600_000, 30 * 86_400_000];

export interface Neighbours {
  newer: string | undefined;
  older: string | undefined;
}

/** The events before and after this one among those that the filters let through. */
export async function neighboursOf(event: EventRecord, filters: Filters): Promise<Neighbours> {
  const [newer, older] = await Promise.all([newerThan(event, filters), olderThan(event, filters)]);
  return { newer, older };
}

async function olderThan(event: EventRecord, filters: Filters): Promise<string | undefined> {
  const query = queryOf(filters, Date.now());
  // Events of the same moment lie before and after: one more ms takes them in, and the event's own place tells which come next.
  const page = await calls.events({ ...query, to: Date.parse(event.started_at) + 1, limit: 10 });
  return page.items.find((other) => comesAfter(event, other))?.id;
}

async function newerThan(event: EventRecord, filters: Filters): Promise<string | undefined> {
  const query = queryOf(filters, Date.now());
  const from = Date.parse(event.started_at);
  for (const span of SPANS_MS) {
    const to = Math.min(Number(query.to ?? Number.POSITIVE_INFINITY), from + span);
    const page = await calls.events({ ...query, from, to, limit: MOST });
    const found = page.items.findLast((other) => comesAfter(other, event));
    if (found) return found.id;
    if (to >= Date.now()) return undefined;
  }
  return undefined;
}

/** In the list's order, newest first and by id within a moment: `b` comes after `a`. */
function comesAfter(a: EventRecord, b: EventRecord): boolean {
  return a.started_at > b.started_at || (a.started_at === b.started_at && a.id > b.id);
}
