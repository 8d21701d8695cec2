import { type Static, Type } from 'typebox';
import type { Page } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';

const PAGE = 50;

/** The query of a list that can be narrowed by nothing, as the devices of a site. */
export const ShortListQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: PAGE })),
    cursor: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);

/** Where an item stands in its list: the higher number is the newer one; among equals the first name comes first. */
export type Place = readonly [at: number, name: string];

const CURSOR = /^(-?\d{1,16}) (.{0,100})$/;

/**
 * One page, newest first, of a list that is at hand as a whole. The cursor names the last item of the page, so that whoever comes or goes
 * meanwhile neither hides nor repeats another one. Throws `request.invalid` for a strange cursor.
 */
export function shortPage<T>(all: readonly T[], placeOf: (item: T) => Place, query: Record<string, unknown>): Page<T> {
  const { limit = PAGE, cursor } = query as Static<typeof ShortListQuery>;
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const sorted = all
    .map((item) => ({ item, place: placeOf(item) }))
    .filter(({ place }) => after === undefined || order(after, place) < 0)
    .sort((one, other) => order(one.place, other.place));
  const last = sorted.length > limit ? sorted[limit - 1] : undefined;
  return {
    items: sorted.slice(0, limit).map(({ item }) => item),
    next: last ? Buffer.from(`${last.place[0]} ${last.place[1]}`).toString('base64url') : null,
  };
}

/** The place of what has an id and a time of creation; what has none came with the flows and is the oldest. */
export function byCreation({ id, created_at }: { id: string; created_at: string | null }): Place {
  return [created_at === null ? 0 : Date.parse(created_at), id];
}

/** The place of what has a rising number. */
export function byNumber({ id }: { id: number }): Place {
  return [id, ''];
}

function order([at, name]: Place, [otherAt, otherName]: Place): number {
  if (at !== otherAt) return otherAt - at;
  return name < otherName ? -1 : name > otherName ? 1 : 0;
}

function readCursor(cursor: string): Place {
  const [, at, name] = CURSOR.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (at === undefined || name === undefined)
    throw new AppError('request.invalid', 'cursor is not one that a list gave', { field: 'cursor' });
  return [Number(at), name];
}
