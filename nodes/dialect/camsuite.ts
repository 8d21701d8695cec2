import type { ApiAnswer } from '../../runtime/contracts/api-host.ts';
import { type Operation, Refusal, type Reply, refusalOf, type Tools } from './operation.ts';

const MOST_NAMES = 1000;
const CONSOLE = { 'X-Redeye-Console': '1' };

/**
 * The suite's cookie said `authenticated` to everybody who wrote it (seed 003 §4.2). Here its login is the console's: our session
 * cookie, which no script can read and nobody can make.
 */
const login: Operation = async ({ body }, { raw, host, memory }) => {
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
  const failed = `failed logins of ${username.toLowerCase().slice(0, 200)}`;
  if (answer.status >= 400) return refused(answer, memory, failed);
  memory.delete(failed);
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

/** How often it failed, and for how many seconds the next try is refused; here the pause grows, and nobody is locked out for good. */
function refused(answer: ApiAnswer, memory: Tools['memory'], failed: string): Reply {
  const { status, code, message } = refusalOf(answer);
  const attempts = ((memory.get(failed) as number | undefined) ?? 0) + (status === 401 ? 1 : 0);
  // Names that nobody has must not fill the memory.
  if (memory.size > MOST_NAMES) memory.clear();
  memory.set(failed, attempts);
  const remainingTime = Number(answer.headers['retry-after'] ?? 0);
  const lock = { attempts, isLocked: status === 429, remainingTime };
  return { status, body: { success: false, message, ...lock, code } };
}

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
  const { name } = body as { name: string };
  return { status: 200, body: { authenticated: true, username: name, message: 'Session is valid' } };
};

function cookiesOf(cookies: string | string[] | undefined): Record<string, string[]> {
  return cookies === undefined ? {} : { 'Set-Cookie': [cookies].flat() };
}

/** The login of seed 003's web page (§2.4). */
export const camsuite: Record<string, Operation> = { login, logout, session };
