import type { RequestHandler } from 'express';
import { nameOfRequest } from '../lib/request-name.ts';

const HEADER = 'X-Request-Id';

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
