import { type Request, type RequestHandler, Router } from 'express';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import type { User } from '../contracts/users.ts';
import type { Accounts } from './auth/accounts.ts';
import { errorBody } from './errors.ts';
import type { MetricsRegistry } from './metrics.ts';
import { otherMethods } from './other-methods.ts';

export interface ScrapeParts {
  metrics: Pick<MetricsRegistry, 'text' | 'contentType'>;
  accounts: Pick<Accounts, 'checkBasic'>;
  /** the same of streams and viewers as MediaMTX names it, for `?names=mediamtx`; none where there is no live picture */
  mediamtx?: (() => string) | undefined;
  authenticate: (req: Request) => Promise<User>;
  log: Log;
}

/**
 * `/metrics` for Prometheus: open to programs on this machine, else for any user, by Bearer token or by name and password or app password (Basic).
 * What came through a proxy on this machine is not from this machine.
 */
export function scrapeRoutes({ metrics, mediamtx, accounts, authenticate, log }: ScrapeParts): RequestHandler {
  const router = Router();
  router.get('/metrics', async (req, res) => {
    try {
      if (!isFromHere(req)) await admit(req, accounts, authenticate);
      const more = req.query.names === 'mediamtx' ? mediamtx?.() : undefined;
      const text = `${await metrics.text()}${more ?? ''}`;
      res.set({ 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' }).end(text);
    } catch (thrown) {
      const error = toAppError(thrown);
      if (error.status >= 500) log.error('the metrics could not be given', { error: thrown });
      if (error.details.retryAfterS !== undefined) res.set('Retry-After', String(Math.ceil(error.details.retryAfterS)));
      if (error.status === 401) res.set('WWW-Authenticate', 'Basic realm="redeye", charset="UTF-8"');
      res.status(error.status).json(errorBody(error));
    }
  });
  router.use(otherMethods([{ method: 'get', path: '/metrics' }]));
  return router;
}

async function admit(
  req: Request,
  accounts: ScrapeParts['accounts'],
  authenticate: ScrapeParts['authenticate'],
): Promise<void> {
  const [, basic] = /^Basic ([A-Za-z0-9+/=]{1,4096})$/i.exec(req.get('Authorization') ?? '') ?? [];
  if (basic === undefined) {
    await authenticate(req);
    return;
  }
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) throw new AppError('auth.invalid', 'Basic needs a user name, a colon and a password');
  await accounts.checkBasic(text.slice(0, colon), text.slice(colon + 1), req.ip ?? '');
}

/** Loopback by address and by name: a page in a local browser that calls us by another name is a stranger (DNS rebinding). */
function isFromHere(req: Request): boolean {
  const forwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => req.get(name) !== undefined);
  const name = (req.get('Host') ?? '').replace(/:\d+$/, '').toLowerCase();
  return !forwarded && isLoopbackAddress(req.socket.remoteAddress ?? '') && isLoopbackName(name);
}

function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(address);
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}
