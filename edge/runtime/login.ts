import type { IncomingMessage, ServerResponse } from 'node:http';
import { toAppError } from '../../runtime/contracts/errors.ts';
import { readText } from '../../runtime/lib/live/ask.ts';
import { allowOf, notAllowed } from '../../runtime/lib/methods.ts';
import { type Access, KEY_NAME, SESSION_NAME, SESSION_S } from './access.ts';
import { loginPage } from './page-html.ts';

const MOST_BYTES = 4096;

/**
 * `/login`, for people: takes a key and keeps a session of 12 hours in cookies that no script can read, under the names of both dialects
 * of seed 000; `/logout` forgets it. The key itself is kept nowhere.
 */
export class Login {
  readonly #access: Access;

  constructor(access: Access) {
    this.#access = access;
  }

  /** Serves what is for it; false when it is not. Throws AppErrors. */
  async serve(req: IncomingMessage, res: ServerResponse, url: URL): Promise<boolean> {
    const { pathname } = url;
    if (pathname === '/logout' || pathname === '/auth/logout') {
      res.writeHead(303, { Location: '/login', 'Set-Cookie': cookies('', 0) }).end();
      return true;
    }
    // The form of seed 000 goes to /auth/login.
    if (pathname !== '/login' && pathname !== '/auth/login') return false;
    res.setHeader(
      'Content-Security-Policy',
      "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; frame-ancestors 'none'",
    );
    if (req.method === 'GET' || req.method === 'HEAD') {
      show(res, 200, loginPage(localPath(url.searchParams.get('redirect_url'))));
    } else if (req.method === 'POST') await this.#enter(req, res);
    else {
      res.setHeader('Allow', allowOf(['GET', 'POST']));
      throw notAllowed(req.method, allowOf(['GET', 'POST']));
    }
    return true;
  }

  async #enter(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await readText(req, MOST_BYTES));
    const key = (form.get('api_key') ?? '').trim();
    const next = localPath(form.get('redirect_url'));
    try {
      this.#access.check(key, req.socket.remoteAddress ?? '');
    } catch (thrown) {
      const error = toAppError(thrown);
      const { retryAfterS } = error.details;
      if (retryAfterS !== undefined) res.setHeader('Retry-After', String(retryAfterS));
      show(res, error.status === 401 ? 403 : error.status, loginPage(next, error.message));
      return;
    }
    res.writeHead(303, { Location: next, 'Set-Cookie': cookies(this.#access.session(key), SESSION_S) }).end();
  }
}

function show(res: ServerResponse, status: number, html: string): void {
  res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': Buffer.byteLength(html) });
  res.end(html);
}

function cookies(value: string, maxAgeS: number): string[] {
  const rest = `Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict`;
  return [KEY_NAME, SESSION_NAME].map((name) => `${name}=${value}; ${rest}`);
}

/** A path of this device; whatever would lead elsewhere leads to the first page. */
function localPath(wanted: string | null): string {
  return wanted !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(wanted) && !wanted.includes('\\') ? wanted : '/';
}
