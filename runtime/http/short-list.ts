import { type Static, Type } from 'typebox';
import type { Page } from '../contracts/api.ts';
import { AppError } from '../contracts/errors.ts';

/** The query of a list that is at hand as a whole, as the devices of a site: all of it comes unless there is a `limit`. */
export const ShortListQuery = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'all when it is left out' })),
    cursor: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);

const CURSOR = /^at\.(\d{1,9})$/;

/** One page of it. Who comes or goes meanwhile moves what follows by one. Throws `request.invalid` for a strange cursor. */
export function shortPage<T>(all: readonly T[], query: Record<string, unknown>): Page<T> {
  const { limit = all.length, cursor } = query as Static<typeof ShortListQuery>;
  const from = cursor === undefined ? 0 : Number(CURSOR.exec(Buffer.from(cursor, 'base64url').toString())?.[1]);
  if (Number.isNaN(from))
    throw new AppError('request.invalid', 'cursor is not one that a list gave', { field: 'cursor' });
  const end = from + limit;
  return {
    items: all.slice(from, end),
    next: end < all.length ? Buffer.from(`at.${end}`).toString('base64url') : null,
  };
}
