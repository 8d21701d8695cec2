import assert from 'node:assert/strict';
import type { EventsService } from '../../../runtime/contracts/services.ts';
import { editorAuth } from '../../../runtime/http/auth/editor.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openDoor } from '../../support/http-door.ts';
import { openLiveDoor } from '../../support/live-door.ts';

const PASSWORD = 'correct horse battery';

describe('users over HTTP', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  let admin: string;
  let clock: FakeClock;
  const call = (method: string, path: string, body?: unknown, token = admin) =>
    door.call(method, `/api/v1${path}`, { token, ...(body !== undefined && { body }) });
  const login = (email: string, password: string) =>
    door.call('POST', '/api/v1/auth/login', { body: { email, password } });

  beforeEach(async () => {
    clock = new FakeClock();
    door = await openDoor({ clock });
    admin = await door.userToken('admin');
  });
  afterEach(() => door.close());

  it('are added with a made-up password that is shown once and has to be changed before anything else answers', async () => {
    const made = await call('POST', '/users', { name: 'Änne', role: 'viewer', cameras: ['porch'] });
    assert.equal(made.status, 201);
    assert.ok(made.json.password.length >= 16);
    assert.equal(made.headers.get('cache-control'), 'no-store');
    const listed = (await call('GET', '/users')).json.items.find((user: { name: string }) => user.name === 'Änne');
    assert.deepEqual([listed.password, listed.cameras, listed.must_change_password], [undefined, ['porch'], true]);

    const { json: session } = await login('änne', made.json.password);
    const as = (method: string, path: string, body?: unknown) => call(method, path, body, session.access_token);
    assert.equal((await as('GET', '/auth/me')).status, 200);
    for (const [method, path] of [
      ['GET', '/devices'],
      ['GET', '/events'],
      ['GET', '/stream'],
      ['POST', '/cameras/porch/stream-token'],
    ] as const) {
      const refused = await as(method, path);
      assert.deepEqual([refused.status, refused.json.code], [403, 'auth.password_change'], path);
    }
    const change = { current_password: made.json.password, new_password: PASSWORD };
    assert.equal((await as('POST', '/auth/password', change)).status, 204);
    const { json: own } = await login('Änne', PASSWORD);
    assert.equal((await call('GET', '/auth/me', undefined, own.access_token)).json.must_change_password, false);
  });

  it('are served at once where they chose the password themselves, where it was agreed on, and after the first start', async () => {
    await call('POST', '/users', { name: 'bo', role: 'admin', password: PASSWORD });
    const { json: agreed } = await login('bo', PASSWORD);
    assert.equal((await call('GET', '/users', undefined, agreed.access_token)).status, 200);
    await call('PATCH', `/users/${agreed.user.id}`, { password: 'reset by an admin' });
    const { json: reset } = await login('bo', 'reset by an admin');
    assert.equal((await call('GET', '/users', undefined, reset.access_token)).status, 403);
    // The first password was shown to nobody but whoever started the server: the console asks for another one.
    Object.assign(door.users.users[0] ?? {}, { mustChangePassword: true });
    assert.equal((await call('GET', '/users')).status, 200);
  });

  it('may log out before they have changed their password', async () => {
    const { json } = await call('POST', '/users', {
      name: 'bo',
      role: 'viewer',
      password: PASSWORD,
      must_change_password: true,
    });
    assert.equal(json.password, undefined);
    const { json: session } = await login('bo', PASSWORD);
    const out = await door.call('POST', '/api/v1/auth/logout', { body: { refresh_token: session.refresh_token } });
    assert.equal(out.status, 204);
  });

  it('get tokens of twelve hours where they cannot refresh', async () => {
    await call('POST', '/users', {
      name: 'esp',
      role: 'viewer',
      password: PASSWORD,
      long_token: true,
      must_change_password: false,
    });
    const { json } = await login('esp', PASSWORD);
    assert.equal(json.expires_in, 12 * 3600);
    assert.equal(JSON.parse(Buffer.from(json.access_token.split('.')[1], 'base64url').toString()).sub, '2');
    await clock.advance(11.9 * 3600_000);
    assert.equal((await call('GET', '/auth/me', undefined, json.access_token)).status, 200);
    await clock.advance(0.2 * 3600_000);
    assert.equal((await call('GET', '/auth/me', undefined, json.access_token)).json.code, 'auth.expired');
  });

  it('are refused with a name that is taken, cannot be typed for Basic, or a short password', async () => {
    await call('POST', '/users', { name: 'bo', role: 'viewer' });
    const twin = await call('POST', '/users', { name: 'BO', role: 'viewer' });
    assert.deepEqual([twin.status, twin.json.code], [409, 'user.exists']);
    for (const [body, field] of [
      [{ name: 'a:b', role: 'viewer' }, 'name'],
      [{ name: 'c', role: 'owner' }, 'role'],
      [{ name: 'c', role: 'viewer', password: 'short' }, 'password'],
      [{ name: 'c', role: 'viewer', cameras: ['../x'] }, 'cameras.0'],
      [{ name: 'c', role: 'viewer', is_root: true }, 'is_root'],
    ] as const)
      assert.deepEqual([(await call('POST', '/users', body)).json.field], [field]);
  });

  it('keep one administrator: who is left cannot be demoted, disabled or deleted', async () => {
    for (const [method, body] of [
      ['PATCH', { role: 'operator' }],
      ['PATCH', { disabled: true }],
      ['DELETE', undefined],
    ] as const) {
      const refused = await call(method, '/users/1', body);
      assert.deepEqual([refused.status, refused.json.code], [409, 'user.last_admin']);
    }
    await call('POST', '/users', { name: 'zoe', role: 'admin' });
    assert.equal((await call('PATCH', '/users/1', { role: 'operator' })).status, 200);
    assert.equal((await call('GET', '/users')).json.code, 'auth.forbidden');
  });

  it('are out at once when they are disabled, deleted, or their password is reset: API, refresh and editor', async () => {
    const editor = editorAuth(door.accounts);
    for (const [name, method, body] of [
      ['ada', 'PATCH', { disabled: true }],
      ['bea', 'PATCH', { password: 'another long one', must_change_password: false }],
      ['eva', 'DELETE', undefined],
    ] as const) {
      const { json: user } = await call('POST', '/users', {
        name,
        role: 'viewer',
        may_edit_flows: true,
        password: PASSWORD,
        must_change_password: false,
      });
      const { json: session } = await login(name, PASSWORD);
      const opened = await editor.authenticate(name, PASSWORD);
      assert.equal((await editor.userOfToken(opened?.token ?? ''))?.name, name);
      await call(method, `/users/${user.id}`, body);
      assert.equal((await call('GET', '/auth/me', undefined, session.access_token)).status, 401);
      const renewed = await door.call('POST', '/api/v1/auth/refresh', {
        body: { refresh_token: session.refresh_token },
      });
      assert.equal(renewed.status, 401);
      assert.equal(await editor.userOfToken(opened?.token ?? ''), undefined, `${name}'s editor`);
    }
  });

  it('have editor sessions that end by logging out, are no refresh tokens, and wait for an own password', async () => {
    const editor = editorAuth(door.accounts);
    const opened = await editor.authenticate('admin0', PASSWORD);
    const token = opened?.token ?? '';
    const refreshed = await door.call('POST', '/api/v1/auth/refresh', { body: { refresh_token: token } });
    assert.equal(refreshed.status, 401);
    assert.equal((await editor.userOfToken(token))?.mayEditFlows, true);
    await door.accounts.endEditorSession(token);
    assert.equal(await editor.userOfToken(token), undefined);
    Object.assign(door.users.users[0] ?? {}, { mustChangePassword: true, passwordGiven: true });
    assert.equal(await editor.authenticate('admin0', PASSWORD), undefined);
    assert.equal(await editor.userOf('admin0'), undefined);
  });

  it('leave a trace of who did what, which holds no password', async () => {
    const { json: user } = await call('POST', '/users', { name: 'bo', role: 'viewer', password: PASSWORD });
    await call('PATCH', `/users/${user.id}`, { role: 'operator', password: 'planted secret one' });
    const { json: made } = await call('POST', `/users/${user.id}/credentials`, { name: 'HA' });
    await call('DELETE', `/users/${user.id}/credentials/${made.id}`);
    await call('DELETE', `/users/${user.id}`);
    const { json, text } = await call('GET', '/audit');
    assert.deepEqual(
      json.items.map(({ actor, action, object }: Record<string, string>) => [actor, action, object]),
      ['user.delete', 'credential.delete', 'credential.create', 'user.patch', 'user.create'].map((action) => [
        'user:admin0',
        action,
        'user/bo',
      ]),
    );
    for (const secret of [PASSWORD, 'planted secret one', made.password.slice(13)]) assert.ok(!text.includes(secret));
  });
});

describe('app passwords', () => {
  let door: Awaited<ReturnType<typeof openLiveDoor>>;
  let admin: string;
  const basic = (name: string, password: string, extra: Record<string, string> = {}) => ({
    headers: { Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`, ...extra },
  });
  // As it comes through a proxy: from elsewhere, so that /metrics asks for a credential.
  const scrape = (name: string, password: string) =>
    door.call('GET', '/metrics', basic(name, password, { Via: '1.1 proxy' }));

  beforeEach(async () => {
    door = await openLiveDoor();
    admin = await door.userToken('admin');
  });
  afterEach(() => door.close());
  const made = async (id = 1) => {
    const { json } = await door.call('POST', `/api/v1/users/${id}/credentials`, {
      token: admin,
      body: { name: 'Prometheus' },
    });
    return json as { id: number; password: string };
  };

  it('open metrics and live pictures, and no login, API or editor', async () => {
    const { password } = await made();
    assert.equal((await scrape('admin0', password)).status, 200);
    assert.equal((await door.call('GET', '/api/v1/cameras/gate/live', basic('ADMIN0', password))).status, 200);
    const login = await door.call('POST', '/api/v1/auth/login', { body: { email: 'admin0', password } });
    assert.equal(login.status, 401);
    assert.equal((await door.call('GET', '/api/v1/devices', basic('admin0', password))).status, 401);
    assert.equal(await editorAuth(door.accounts).authenticate('admin0', password), undefined);
  });

  it('are nobody else’s, are worth nothing changed by a letter, and end at once when revoked', async () => {
    const { id, password } = await made();
    await door.userToken('viewer');
    assert.equal((await scrape('viewer1', password)).status, 401);
    const turned = password.slice(0, -2) + (password.endsWith('AA') ? 'BB' : 'AA');
    assert.equal((await scrape('admin0', turned)).status, 401);
    assert.equal((await scrape('admin0', password)).status, 200);
    const listed = await door.call('GET', '/api/v1/users/1/credentials', { token: admin });
    assert.deepEqual([listed.json.items.length, listed.json.items[0].password], [1, undefined]);
    assert.ok(!listed.text.includes(password.slice(13)));
    await door.call('DELETE', `/api/v1/users/1/credentials/${id}`, { token: admin });
    assert.equal((await scrape('admin0', password)).status, 401);
    assert.equal((await door.call('GET', '/api/v1/cameras/gate/live', basic('admin0', password))).status, 401);
  });

  it('see what their user sees', async () => {
    await door.userToken('viewer', ['porch']);
    const { password } = await made(2);
    const see = (camera: string) => door.call('GET', `/api/v1/cameras/${camera}/live`, basic('viewer1', password));
    assert.deepEqual([(await see('porch')).status, (await see('gate')).status], [200, 403]);
  });
});

describe('what somebody holds open', () => {
  it('ends when their rights change: the event stream comes back with those of now', async () => {
    let released = 0;
    const events = {
      subscribe: () => () => {
        released += 1;
      },
    } as unknown as EventsService;
    const door = await openDoor({ events });
    try {
      const admin = await door.userToken('admin');
      const token = await door.userToken('viewer', ['porch']);
      const stream = await fetch(`${door.url}/api/v1/stream`, { headers: { Authorization: `Bearer ${token}` } });
      await door.call('PATCH', '/api/v1/users/2', { token: admin, body: { cameras: ['gate'] } });
      assert.match(await stream.text(), /^retry/);
      assert.equal(released, 1);
    } finally {
      await door.close();
    }
  });
});
