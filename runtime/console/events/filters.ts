import { computed } from 'vue';
import { type LocationQuery, type RouteLocationNormalizedLoaded, type Router, useRoute, useRouter } from 'vue-router';
import type { EventRecord } from '../../contracts/events.ts';
import type { Query } from '../api/client.ts';

const RANGES_MS: Record<string, number> = { '1h': 3_600_000, '24h': 86_400_000, '7d': 7 * 86_400_000 };
const NAMES = ['camera', 'type', 'reviewed', 'range', 'from', 'to'] as const;
export type FilterName = (typeof NAMES)[number];
export type Filters = Partial<Record<FilterName, string>>;

/** The filters as they stand in the address, so that a view can be shared and reloaded. */
export function useFilters() {
  const route = useRoute();
  const router = useRouter();
  // The timeline lives on behind an event's page, whose address is not the timeline's.
  const filters = computed<Filters>((before) => (before && route.name !== 'events' ? before : filtersOf(route.query)));
  const active = computed(() => Object.keys(filters.value).length > 0);
  return { filters, active, set: setter(route, router), clear: () => router.replace({ query: {} }) };
}

function setter(route: RouteLocationNormalizedLoaded, router: Router) {
  return (name: FilterName, value: string) => {
    const query = { ...route.query };
    if (value === '') delete query[name];
    else query[name] = value;
    if (name === 'range' && value !== 'custom') {
      delete query.from;
      delete query.to;
    }
    return router.replace({ query });
  };
}

/** What of an address are filters; anything else is left out. */
export function filtersOf(query: LocationQuery): Filters {
  const filters: Filters = {};
  for (const name of NAMES) {
    const value = query[name];
    if (typeof value === 'string' && value !== '') filters[name] = value;
  }
  return filters;
}

/** The filters as the server is asked; ranges like "the last hour" end now. */
export function queryOf(filters: Filters, now: number): Query {
  const range = RANGES_MS[filters.range ?? ''];
  return {
    camera: filters.camera,
    type: filters.type,
    reviewed: filters.reviewed,
    from: range === undefined ? local(filters.from) : now - range,
    to: range === undefined ? local(filters.to) : undefined,
  };
}

/** Tells whether an event that has just come belongs into the list. */
export function fits(event: EventRecord, filters: Filters, now: number): boolean {
  const { camera, type, reviewed, from, to } = queryOf(filters, now);
  const at = Date.parse(event.started_at);
  return (
    (camera === undefined || camera === event.camera) &&
    (type === undefined || type === event.type) &&
    (reviewed === undefined || reviewed === String(event.reviewed)) &&
    (from === undefined || at >= Number(from)) &&
    (to === undefined || at < Number(to))
  );
}

/** A time as a date field holds it, in the browser's zone, as epoch ms. */
function local(text: string | undefined): number | undefined {
  const time = text === undefined ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(time) ? undefined : time;
}
