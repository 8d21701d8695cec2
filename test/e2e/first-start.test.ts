import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { temporaryFolder } from '../support/folders.ts';
import { Leaks } from '../support/leaks.ts';
import { freePorts, Program } from '../support/programs.ts';
import { ServerApi } from '../support/server-api.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

describe('a server and a device that nobody knows yet', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let api: ServerApi;

  before(async () => {
    server = await ServerUnderTest.start({ ADMIN_PASSWORD: '' });
  });
  after(() => server?.end());

  it('lets nobody in but the one whose password it has printed', async () => {
    const line = await server.program.printed(/First login: admin \/ /);
    const [, password = ''] = /admin \/ (\S{12,}) /.exec(line) ?? [];
    assert.ok(password.length >= 12, line);
    // Defaults of the systems that this one stands in for, and what scanners try.
    for (const [email, tried] of [
      ['admin', 'admin'],
      ['admin', 'changeme'],
      ['root', 'root'],
      ['redeye', 'redeye'],
      ['user', 'password'],
      ['nobody', 'nobody'],
      ['setup', 'setup'],
    ]) {
      const { status } = await fetch(`${server.url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ email, password: tried }),
      });
      assert.ok(status === 401 || status === 429, `${email}: ${status}`);
    }
    const forged = (key: string) =>
      new SignJWT({ role: 'admin', name: 'admin', pwd: '' })
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('1')
        .setIssuer('redeye')
        .setAudience('redeye-api')
        .setExpirationTime('1h')
        .sign(Buffer.from(key.padEnd(32, '0')));
    const none = [{ alg: 'none' }, { sub: '1', iss: 'redeye', aud: 'redeye-api', role: 'admin', exp: 9_999_999_999 }];
    const unsigned = `${none.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
    const shown: Record<string, string>[] = [
      {},
      { Authorization: `Bearer ${await forged('secret')}` },
      { Authorization: `Bearer ${await forged('')}` },
      { Authorization: `Bearer ${unsigned}` },
      { Authorization: `Basic ${Buffer.from('admin:changeme').toString('base64')}` },
      { 'X-API-Key': 'dev-key' },
      { 'X-DEVICE-KEY': 'dev-key' },
      { Cookie: 'site_session=authenticated; redeye_session=1' },
      { 'X-Forwarded-For': '127.0.0.1' },
    ];
    const document = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as {
      paths: Record<string, { get?: { security?: unknown[] } }>;
    };
    const closed = ['/users', '/cameras', '/devices', '/events', '/captures', '/images'];
    for (const path of closed) {
      assert.ok(document.paths[`/api/v1${path}`]?.get, path);
      for (const headers of shown) {
        const { status } = await fetch(`${server.url}/api/v1${path}`, { headers });
        assert.ok(status === 401 || status === 403, `${path} ${JSON.stringify(Object.keys(headers))}: ${status}`);
      }
    }
    for (const headers of shown.slice(5)) {
      const { status } = await fetch(`${server.url}/api/v1/device/config?device_id=demo-pi`, { headers });
      assert.equal(status, 401);
    }
    api = new ServerApi(server.url, 'admin', password);
    // Wrong tries have made the pause grow; it is never a lock.
    const answer = await until('the printed password opens', () => api.login().catch(() => undefined), 40_000);
    assert.equal(answer.user.name, 'admin');
    assert.deepEqual((await api.get<{ items: unknown[] }>('/users')).items.length, 1);
    const printed = server.program.lines.filter((one) => one.includes(password));
    assert.equal(printed.length, 1, 'once');
  });

  it('pairs a device without a key: its code is printed and on its page, somebody types it, and the device is online', async () => {
    const [port = 0] = await freePorts(1);
    const folder = await temporaryFolder('redeye-e2e-pair');
    const settings = {
      SERVER_URL: server.url,
      EDGE_PORT: `${port}`,
      EDGE_DATA_DIR: join(folder, 'edge'),
      CAMERA: 'sim:gradient',
      DIALECT_CAMERA: 'attic-cam',
    };
    const edge = new Program({ name: 'the edge', file: 'edge/main.js', env: settings, folder });
    const line = await edge.printed(/Pairing code\s+[A-Z0-9]{6}/);
    const [, code = ''] = /Pairing code\s+([A-Z0-9]{6})/.exec(line) ?? [];
    const page = async (path: string, init?: RequestInit) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
      return { status: response.status, text: await response.text(), headers: response.headers };
    };
    const shown = await edge.while('the page shows it', async () => {
      const answer = await page('/').catch(() => undefined);
      return answer?.text.includes(code) && answer;
    });
    assert.deepEqual([shown.status, shown.text.includes(server.url)], [200, true]);
    assert.match(shown.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(JSON.parse((await page('/health')).text).paired, false);
    assert.equal((await page('/', { method: 'POST' })).status, 405);

    const claimed = await api.post<{ id: string }>('/pairing/claim', { code: code.toLowerCase(), name: 'Attic' });
    const online = async () => (await api.get<{ state: string }>(`/devices/${claimed.id}`)).state === 'online';
    await edge.while('the device is online', online, 60_000);
    const identity = join(folder, 'edge', 'identity.json');
    const { device_id, api_key } = JSON.parse(await readFile(identity, 'utf8'));
    assert.deepEqual([device_id, (await stat(identity)).mode & 0o777], [claimed.id, 0o600]);
    const own = await edge.while('its own page took the port over', async () => {
      const answer = await page('/camera/status', { headers: { 'X-API-Key': api_key } }).catch(() => undefined);
      return answer?.status === 200 && answer;
    });
    assert.equal((await page('/camera/status')).status, 401, 'and wants its key');
    assert.equal(JSON.parse(own.text).camera_num, 0);
    assert.ok(!edge.lines.some((one) => one.includes(api_key)), 'the key is not printed');
    await edge.end();
  });

  it('fails the run where a program prints a secret, and says which', async () => {
    const leaks = new Leaks();
    const folder = await temporaryFolder('redeye-e2e-leak');
    // A wrong address to listen on is told with its value, so this prints what is planted.
    const secret = 'planted-secret-value';
    leaks.plant('the planted secret', secret);
    const env = { DATA_DIR: join(folder, 'data'), HOST: secret, TURN_STATIC_SECRET: 'a-turn-secret-of-mine' };
    const program = new Program({ name: 'the server', file: 'runtime/cli/server.js', env, folder, leaks });
    await until('it has ended', () => program.over, 60_000);
    const [found, ...others] = await leaks.found();
    assert.match(found ?? '', /^the planted secret was printed by the server: .*<the secret>/);
    assert.deepEqual(others, [], 'what was not printed is not found');
    leaks.plantFrom({ user: { api_key: 'k'.repeat(32) }, url: 'rtsp://anna:pass-of-a-camera@host/1' }, 'a body');
    leaks.see('the server', 'GET rtsp://anna:pass-of-a-camera@host/1');
    assert.deepEqual(
      (await leaks.found()).slice(1).map((one) => one.split(' was ')[0]),
      ['password in url of a body'],
    );
    await leaks.end();
  });
});
