import { computed, type Ref, ref, shallowRef, watch } from 'vue';
import type { EventPatch, EventRecord } from '../../contracts/events.ts';
import { calls } from '../api/calls.ts';
import { type ApiError, toApiError } from '../api/client.ts';
import { live, onEvent } from '../api/live.ts';
import { dayKey } from '../shell/times.ts';
import { type Filters, fits, queryOf } from './filters.ts';

const PAGE = 48;

export interface Day {
  key: string;
  events: EventRecord[];
}

/**
 * The timeline: pages by cursor, newest first, with what happens meanwhile. While `atTop` says no, new events wait in `fresh`, so that
 * nothing moves under the reader.
 */
export function useEventList(filters: Ref<Filters>, atTop: () => boolean) {
  const events = shallowRef<EventRecord[]>([]);
  const fresh = shallowRef<EventRecord[]>([]);
  const next = ref<string | null>(null);
  const loading = ref(false);
  const loaded = ref(false);
  const error = ref<ApiError>();
  let asking: AbortController | undefined;

  async function load(cursor?: string): Promise<void> {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    loading.value = true;
    error.value = undefined;
    try {
      const query = { ...queryOf(filters.value, Date.now()), limit: PAGE, cursor };
      const page = await calls.events(query, mine.signal);
      events.value = cursor === undefined ? page.items : merged(events.value, page.items);
      if (cursor === undefined) fresh.value = [];
      next.value = page.next;
      loaded.value = true;
    } catch (thrown) {
      if (mine.signal.aborted) return;
      error.value = toApiError(thrown);
    } finally {
      if (asking === mine) loading.value = false;
    }
  }

  function take(): void {
    events.value = merged(events.value, fresh.value);
    fresh.value = [];
  }

  /** Changes some events here at once and on the server after; puts back what the server refuses. */
  async function patch(ids: string[], change: EventPatch): Promise<EventRecord[]> {
    const before = events.value.filter((event) => ids.includes(event.id));
    replace(before.map((event) => ({ ...event, ...change })));
    const answers = await Promise.allSettled(ids.map((id) => calls.patchEvent(id, change)));
    replace(
      answers
        .map((answer, i) => (answer.status === 'fulfilled' ? answer.value : before[i]))
        .filter((e) => e !== undefined),
    );
    const refused = answers.find((answer) => answer.status === 'rejected');
    if (refused) throw refused.reason;
    return before;
  }

  function replace(changed: EventRecord[]): void {
    const byId = new Map(changed.map((event) => [event.id, event]));
    events.value = events.value.map((event) => byId.get(event.id) ?? event);
  }

  onEvent(({ event }) => {
    const known = (list: EventRecord[]) => list.some((other) => other.id === event.id);
    if (known(events.value)) replace([event]);
    else if (known(fresh.value)) fresh.value = merged(fresh.value, [event]);
    else if (loaded.value && fits(event, filters.value, Date.now())) {
      fresh.value = merged(fresh.value, [event]);
      if (atTop()) take();
    }
  });
  watch(
    () => JSON.stringify(filters.value),
    () => void load(),
    { immediate: true },
  );
  watch(live.again, () => {
    if (atTop()) void load();
  });

  return {
    events,
    fresh,
    next,
    loading,
    loaded,
    error,
    days: computed(() => byDay(events.value)),
    reload: () => load(),
    more: () => {
      if (next.value !== null && !loading.value) void load(next.value);
    },
    take,
    patch,
  };
}

/** Both lists as one, newest first, each event once, the later list's word counting. */
export function merged(old: EventRecord[], added: EventRecord[]): EventRecord[] {
  const byId = new Map([...old, ...added].map((event) => [event.id, event]));
  return [...byId.values()].sort((a, b) => b.started_at.localeCompare(a.started_at) || b.id.localeCompare(a.id));
}

function byDay(events: EventRecord[]): Day[] {
  const days: Day[] = [];
  for (const event of events) {
    const key = dayKey(event.started_at);
    const last = days.at(-1);
    if (last?.key === key) last.events.push(event);
    else days.push({ key, events: [event] });
  }
  return days;
}
