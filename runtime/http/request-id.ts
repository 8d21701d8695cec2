import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RequestHandler } from 'express';

const HEADER = 'X-Request-Id';
/** What a proxy or a client may call its request; anything else could forge lines of a log. */
const USABLE = /^[\w.:-]{1,100}$/;

/** The name of a request: the asker's own where it is usable, else a new one. */
export function nameOfRequest(req: { headers: IncomingHttpHeaders }): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && USABLE.test(given) ? given : randomUUID();
}

/** Names each request: the same in the answer and in the log. */
export const requestId: RequestHandler = (req, res, next) => {
  res.set(HEADER, nameOfRequest(req));
  next();
};

/** The name of the request that is being answered. */
export function requestIdOf(res: { getHeader(name: string): unknown }): string | undefined {
  const value = res.getHeader(HEADER);
  return typeof value === 'string' ? value : undefined;
}
