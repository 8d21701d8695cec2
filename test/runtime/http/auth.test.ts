import assert from 'node:assert/strict';
import { SignJWT } from 'jose';
import type { AppError } from '../../../runtime/contracts/errors.ts';
import { Accounts } from '../../../runtime/http/auth/accounts.ts';
import { hashPassword, verifyPassword } from '../../../runtime/http/auth/passwords.ts';
import { LoginThrottle, limitsOf } from '../../../runtime/http/auth/throttle.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openDoor } from '../../support/http-door.ts';
import { memoryUsers } from '../../support/memory-users.ts';

const PASSWORD = 'correct horse battery';

describe('passwords', () => {
  it('are kept as argon2id at the cost that ASVS names, salted', async () => {
    const one = await hashPassword(PASSWORD);
    assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    assert.notEqual(one, await hashPassword(PASSWORD));
    assert.equal(await verifyPassword(PASSWORD, one), true);
    assert.equal(await verifyPassword(`${PASSWORD} `, one), false);
    assert.equal(await verifyPassword(PASSWORD, 'nonsense'), false);
  });
});

describe('the first start', () => {
  it('makes admin with a random password that is told once, or with the given one that is not', async () => {
    const store = memoryUsers();
    const accounts = new Accounts({ store, clock: new FakeClock(), log: silentLog, key: Buffer.alloc(32) });
    const told = await accounts.ensureAdmin(undefined);
    assert.ok(told && told.length >= 16);
    assert.equal(store.users[0]?.mustChangePassword, true);
    assert.equal(await accounts.ensureAdmin(undefined), undefined);
    assert.equal((await accounts.login({ email: 'admin', password: told }, '1')).user.must_change_password, true);

    const other = memoryUsers();
    const given = new Accounts({ store: other, clock: new FakeClock(), log: silentLog, key: Buffer.alloc(32) });
    assert.equal(await given.ensureAdmin('a password of mine'), undefined);
    assert.equal(other.users[0]?.mustChangePassword, false);
  });
});

describe('login', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  let clock: FakeClock;
  beforeEach(async () => {
    clock = new FakeClock();
    door = await openDoor({ clock });
  });
  afterEach(() => door.close());
  const login = (email: string, password: string) =>
    door.call('POST', '/api/v1/auth/login', { body: { email, password } });

  it('answers tokens and the user, and the token says who I am', async () => {
    await door.userToken('viewer');
    const { status, json } = await login('VIEWER0', PASSWORD);
    assert.equal(status, 200);
    assert.deepEqual([json.token_type, json.expires_in, json.user.role], ['Bearer', 900, 'viewer']);
    const me = await door.call('GET', '/api/v1/auth/me', { token: json.access_token });
    assert.deepEqual([me.status, me.json.name, me.json.password_hash], [200, 'viewer0', undefined]);
  });

  it('says the same to an unknown user and to a wrong password', async () => {
    await door.userToken('viewer');
    const unknown = await login('nobody', PASSWORD);
    const wrong = await login('viewer0', 'wrong wrong wrong');
    assert.deepEqual([unknown.status, unknown.json], [401, wrong.json]);
    assert.equal(wrong.json.code, 'auth.invalid');
  });

  it('slows down guessing per user, and never locks for good', async () => {
    await door.userToken('viewer');
    for (let i = 0; i < 5; i += 1) assert.equal((await login('viewer0', `wrong ${i}`)).status, 401);
    const slowed = await login('viewer0', PASSWORD);
    assert.equal(slowed.status, 429);
    assert.equal(slowed.json.code, 'auth.too_many_tries');
    assert.ok(Number(slowed.headers.get('retry-after')) >= 1);
    await clock.advance(61_000);
    assert.equal((await login('viewer0', PASSWORD)).status, 200);
  });

  it('does not let strangers keep the owner out: their failures elsewhere cost the owner seconds at most', () => {
    const throttle = new LoginThrottle(clock);
    for (let i = 0; i < 500; i += 1) throttle.failed(limitsOf('Admin', `10.0.0.${i % 250}`));
    assert.throws(
      () => throttle.check(limitsOf('admin', '192.168.1.4')),
      (error: AppError) => (error.details.retryAfterS ?? 0) <= 5,
    );
    for (let i = 0; i < 40; i += 1) throttle.failed(limitsOf('someone', '10.9.9.9'));
    assert.throws(() => throttle.check(limitsOf('another', '10.9.9.9')), { code: 'auth.too_many_tries' });
    throttle.check(limitsOf('another', '10.9.9.8'));
  });

  it('names the field that is missing, unknown or not JSON', async () => {
    const missing = await door.call('POST', '/api/v1/auth/login', { body: { email: 'a' } });
    assert.deepEqual([missing.status, missing.json.code, missing.json.field], [400, 'request.invalid', 'password']);
    const unknown = await door.call('POST', '/api/v1/auth/login', { body: { email: 'a', password: 'b', admin: true } });
    assert.deepEqual([unknown.status, unknown.json.field], [400, 'admin']);
    const broken = await door.call('POST', '/api/v1/auth/login', { body: '{"email":' });
    assert.deepEqual([broken.status, broken.json.code], [400, 'request.invalid']);
    const huge = await door.call('POST', '/api/v1/auth/login', { body: { email: 'a', password: 'x'.repeat(70_000) } });
    assert.equal(huge.status, 413);
  });

  it('lets an access token run out after a quarter of an hour', async () => {
    const token = await door.userToken('viewer');
    await clock.advance(14 * 60_000);
    assert.equal((await door.call('GET', '/api/v1/auth/me', { token })).status, 200);
    await clock.advance(2 * 60_000);
    const late = await door.call('GET', '/api/v1/auth/me', { token });
    assert.deepEqual([late.status, late.json.code], [401, 'auth.expired']);
  });

  it('takes a disabled user out at once', async () => {
    const token = await door.userToken('admin');
    Object.assign(door.users.users[0] ?? {}, { disabled: true });
    assert.equal((await door.call('GET', '/api/v1/auth/me', { token })).status, 401);
    assert.equal((await login('admin0', PASSWORD)).status, 401);
  });

  it('refuses forged tokens: no algorithm, another key, another audience, a token in the address', async () => {
    await door.userToken('admin');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"1","iss":"redeye","aud":"redeye-api"}').toString('base64url')}.`;
    const sign = (audience: string, key: Buffer) =>
      new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('1')
        .setIssuer('redeye')
        .setAudience(audience)
        .setIssuedAt(Math.floor(clock.now() / 1000))
        .setExpirationTime('1h')
        .sign(key);
    const tokens = [
      none,
      await sign('redeye-api', Buffer.alloc(32, 2)),
      await sign('redeye-stream', Buffer.alloc(32, 1)),
      'x',
    ];
    for (const token of tokens) assert.equal((await door.call('GET', '/api/v1/auth/me', { token })).status, 401);
    assert.equal((await door.call('GET', `/api/v1/auth/me?token=${tokens[1]}`)).status, 401);
  });
});

describe('refresh tokens', () => {
  let door: Awaited<ReturnType<typeof openDoor>>;
  beforeEach(async () => {
    door = await openDoor();
  });
  afterEach(() => door.close());
  const refresh = (token: string) => door.call('POST', '/api/v1/auth/refresh', { body: { refresh_token: token } });
  const session = async () => {
    await door.userToken('viewer');
    return (await door.call('POST', '/api/v1/auth/login', { body: { email: 'viewer0', password: PASSWORD } })).json
      .refresh_token;
  };

  it('are good for one use, and a second use ends every session of the family', async () => {
    const first = await session();
    const second = (await refresh(first)).json.refresh_token;
    const third = (await refresh(second)).json.refresh_token;
    assert.ok(third);
    assert.equal((await refresh(first)).status, 401);
    assert.equal((await refresh(third)).status, 401);
  });

  it('end with logout and with a new password', async () => {
    const first = await session();
    assert.equal((await door.call('POST', '/api/v1/auth/logout', { body: { refresh_token: first } })).status, 204);
    assert.equal((await refresh(first)).status, 401);

    const login = (await door.call('POST', '/api/v1/auth/login', { body: { email: 'viewer0', password: PASSWORD } }))
      .json;
    const change = (current_password: string, new_password: string) =>
      door.call('POST', '/api/v1/auth/password', {
        token: login.access_token,
        body: { current_password, new_password },
      });
    assert.equal((await change('not it, not it', 'another long one')).status, 401);
    assert.equal((await change(PASSWORD, 'short')).json.field, 'new_password');
    assert.equal((await change(PASSWORD, 'another long one')).status, 204);
    assert.equal((await refresh(login.refresh_token)).status, 401);
    assert.equal(door.users.entries.at(-1)?.action, 'user.password_changed');
  });
});
