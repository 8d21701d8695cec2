import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What a proxy or a client may call its request; anything else could forge lines of a log. */
const USABLE = /^[\w.:-]{1,100}$/;

/** The name of a request: the asker's own (`X-Request-Id`) where it is usable, else a new one. */
export function nameOfRequest(req: { headers: IncomingHttpHeaders }): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && USABLE.test(given) ? given : randomUUID();
}
