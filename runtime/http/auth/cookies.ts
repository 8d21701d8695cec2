import type { Request, Response } from 'express';
import type { LoginAnswer } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';

const SESSION = 'redeye_session';
const REFRESH = 'redeye_refresh';
const REFRESH_S = 30 * 24 * 3600;
/** What the console sends with every request. A page of another origin cannot, without a preflight that we do not allow. */
export const CONSOLE_HEADER = 'X-Redeye-Console';

/** True for requests of the console, which keeps its tokens in cookies that no script can read. */
export function isConsole(req: Request): boolean {
  return req.get(CONSOLE_HEADER) !== undefined;
}

/** Puts the tokens into cookies and answers what the console may know of them. `Secure` only over HTTPS, else a LAN could not log in. */
export function keepInCookies(
  req: Request,
  res: Response,
  answer: LoginAnswer,
  basePath: string,
): Omit<LoginAnswer, 'access_token' | 'refresh_token'> {
  const { access_token, refresh_token, ...rest } = answer;
  const common = { httpOnly: true, sameSite: 'strict', secure: req.secure } as const;
  res.cookie(SESSION, access_token, { ...common, path: basePath || '/', maxAge: answer.expires_in * 1000 });
  res.cookie(REFRESH, refresh_token, { ...common, path: `${basePath}/api/v1/auth`, maxAge: REFRESH_S * 1000 });
  return rest;
}

/** Forgets both cookies. */
export function dropCookies(res: Response, basePath: string): void {
  res.clearCookie(SESSION, { path: basePath || '/' });
  res.clearCookie(REFRESH, { path: `${basePath}/api/v1/auth` });
}

/**
 * The access token of the session cookie; undefined without one. Whoever changes something by cookie must be the console on our own
 * origin: throws `csrf.refused` otherwise (OWASP ASVS 5.0, 3.5.1).
 */
export function sessionOf(req: Request): string | undefined {
  const token = cookieOf(req, SESSION);
  if (token === undefined) return undefined;
  const reads = req.method === 'GET' || req.method === 'HEAD' || req.method === 'OPTIONS';
  const site = req.get('Sec-Fetch-Site');
  if (!reads && (!isConsole(req) || (site !== undefined && site !== 'same-origin'))) {
    throw new AppError(
      'csrf.refused',
      `a change by cookie needs the ${CONSOLE_HEADER} header and the server's own origin`,
    );
  }
  return token;
}

/** The refresh token of the console's cookie. */
export function refreshTokenOf(req: Request): string | undefined {
  return cookieOf(req, REFRESH);
}

function cookieOf(req: Request, name: string): string | undefined {
  for (const pair of (req.get('Cookie') ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
