import { randomUUID } from 'node:crypto';
import type { RequestHandler } from 'express';

const HEADER = 'X-Request-Id';
/** What a proxy or a client may call its request; anything else could forge lines of a log. */
const USABLE = /^[\w.:-]{1,100}$/;

/** Names each request, by the asker's own name where it is usable: the same in the answer and in the log. */
export const requestId: RequestHandler = (req, res, next) => {
  const given = req.get(HEADER);
  res.set(HEADER, given !== undefined && USABLE.test(given) ? given : randomUUID());
  next();
};

/** The name of the request that is being answered. */
export function requestIdOf(res: { getHeader(name: string): unknown }): string | undefined {
  const value = res.getHeader(HEADER);
  return typeof value === 'string' ? value : undefined;
}
