import assert from 'node:assert/strict';
import { openDoor } from '../../support/http-door.ts';

const PASSWORD = 'correct horse battery';
const CONSOLE = { 'X-Redeye-Console': '1' };

describe('the session of the console', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  let cookies: Map<string, string>;
  beforeEach(async () => {
    door = await openDoor();
    cookies = new Map();
    await door.userToken('viewer');
  });
  afterEach(() => door.close());

  const call = async (method: string, path: string, headers: Record<string, string> = CONSOLE, body?: unknown) => {
    const Cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await door.call(method, `/api/v1/auth${path}`, { headers: { ...headers, Cookie }, body });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=');
      cookies.set(name, value);
    }
    return answer;
  };
  const login = () => call('POST', '/login', CONSOLE, { email: 'viewer0', password: PASSWORD });

  it('lives in cookies that no script can read and no other site sends', async () => {
    const { json, headers } = await login();
    assert.deepEqual([json.access_token, json.refresh_token, json.user.name], [undefined, undefined, 'viewer0']);
    for (const cookie of headers.getSetCookie()) assert.match(cookie, /; HttpOnly; SameSite=Strict$/);
    assert.equal((await call('GET', '/me', {})).json.name, 'viewer0');
  });

  it('changes nothing for a request that another page may have sent', async () => {
    await login();
    const change = { current_password: PASSWORD, new_password: 'another long one' };
    assert.equal((await call('POST', '/password', {}, change)).json.code, 'csrf.refused');
    assert.equal(
      (await call('POST', '/password', { ...CONSOLE, 'Sec-Fetch-Site': 'cross-site' }, change)).json.code,
      'csrf.refused',
    );
    assert.equal(
      (await call('POST', '/password', { ...CONSOLE, 'Sec-Fetch-Site': 'same-origin' }, change)).status,
      204,
    );
  });

  it('is renewed by its own cookie, each good for one use', async () => {
    await login();
    const old = cookies.get('redeye_refresh') ?? '';
    assert.equal((await call('POST', '/refresh', CONSOLE, {})).status, 200);
    assert.notEqual(cookies.get('redeye_refresh'), old);
    cookies.set('redeye_refresh', old);
    assert.equal((await call('POST', '/refresh', CONSOLE, {})).status, 401);
  });

  it('cannot be renewed without the console header, and ends with the logout', async () => {
    await login();
    assert.equal((await call('POST', '/refresh', {}, {})).json.field, 'refresh_token');
    assert.equal((await call('POST', '/logout', CONSOLE, {})).status, 204);
    assert.deepEqual([cookies.get('redeye_session'), cookies.get('redeye_refresh')], ['', '']);
  });
});
