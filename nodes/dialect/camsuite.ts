import type { dialectError } from '../../runtime/contracts/dialects.ts';
import { type Operation, Refusal, refusalOf } from './operation.ts';

const CONSOLE = { 'X-Redeye-Console': '1' };

/**
 * The suite's cookie said `authenticated` to everybody who wrote it (seed 003 §4.2). Here its login is the console's: our session
 * cookie, which no script can read and nobody can make.
 */
const login: Operation = async ({ body }, { raw, host }) => {
  const { username, password } = body;
  if (typeof username !== 'string' || typeof password !== 'string' || username === '' || password === '') {
    throw new Refusal(400, 'request.invalid', 'Username and password are required');
  }
  const answer = await raw({
    method: 'POST',
    path: '/auth/login',
    body: { email: username, password },
    headers: CONSOLE,
  });
  if (answer.status >= 400) throw refusalOf(answer);
  const { user, expires_in } = answer.body as { user: { must_change_password: boolean }; expires_in: number };
  return {
    status: 200,
    headers: cookiesOf(answer.headers['set-cookie']),
    body: {
      success: true,
      message: 'Login successful',
      isDefaultCredentials: user.must_change_password,
      expiresAt: new Date(host.clock.now() + expires_in * 1000).toISOString(),
    },
  };
};

const logout: Operation = async (_ask, { raw }) => {
  const answer = await raw({ method: 'POST', path: '/auth/logout', body: {}, headers: CONSOLE });
  return {
    status: 200,
    headers: cookiesOf(answer.headers['set-cookie']),
    body: { success: true, message: 'Logged out successfully' },
  };
};

const session: Operation = async (_ask, { raw }) => {
  const { status, body } = await raw({ method: 'GET', path: '/auth/me' });
  if (status !== 200) return { status: 200, body: { authenticated: false, message: 'No active session' } };
  return { status: 200, body: { authenticated: true, username: (body as { name: string }).name } };
};

function cookiesOf(cookies: string | string[] | undefined): Record<string, string[]> {
  return cookies === undefined ? {} : { 'Set-Cookie': [cookies].flat() };
}

/** The login of seed 003's web page (§2.4). */
export const camsuite: Record<string, Operation> = { login, logout, session };

/** A refused login tells how it stands with the lock; here the pause grows, and nobody is locked out for good. */
export const camsuiteRefusal: typeof dialectError = (_shape, { status, code, message }) => ({
  success: false,
  message,
  ...(code.startsWith('auth.') && { attempts: 0, isLocked: status === 429, remainingTime: 0 }),
  code,
});
