import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Access, hashOfKey } from '../../../edge/runtime/access.ts';
import { createEdgeStorage } from '../../../edge/runtime/flow-storage.ts';
import type { DeviceHealthPage } from '../../../edge/runtime/page-html.ts';
import { Pages } from '../../../edge/runtime/pages.ts';
import { PlayerFiles } from '../../../edge/runtime/player-files.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';

const HEALTH: DeviceHealthPage = {
  status: 'degraded',
  camera_connected: false,
  timestamp: '2026-11-20T12:00:00.000Z',
  device: 'pi',
  version: '1',
  uptime_s: 5,
  mode: 'baseline',
  camera: { id: 'pi-cam', driver: 'sim', state: 'failed', last_frame: null, reason: '<script>alert(1)</script>' },
  spool: { state: 'idle', frames: 0, bytes: 0, sent: 0, dropped: 0, rejected: 0 },
  captures: { waiting: 2, dead: 1, bytes: 0, sent: 3, dropped: 0, reason: '<b>refused</b>' },
  link: { mqtt: 'disconnected', server: 'not reached', reason: 'refused' },
  flows: { state: 'running' },
  publisher: { ts: 0, status: 'missing', detail: null, pid: 1 },
};

const KEY = 'the key & of the device';
const asPerson = { Accept: 'text/html' };

describe("the device's HTTP port", () => {
  const clock = new FakeClock();
  let consoleDir: string;
  let pages: Pages;
  const base = async () => {
    await until('it listens', () => pages.server.listening);
    return `http://127.0.0.1:${(pages.server.address() as AddressInfo).port}`;
  };
  const open = async (port: number) => {
    pages = new Pages({
      port,
      host: '127.0.0.1',
      clock,
      log: silentLog,
      health: () => HEALTH,
      access: new Access({ device: 'pi', keyHashes: [KEY, 'another-key'].map(hashOfKey), clock }),
      doors: [{ serve: async () => false }],
      player: new PlayerFiles(consoleDir),
      cameras: () => ['pi-cam'],
      corsOrigins: ['https://lab.example'],
    });
    await pages.start();
  };
  before(async () => {
    consoleDir = await temporaryFolder('console');
    await mkdir(join(consoleDir, 'assets'));
    await writeFile(join(consoleDir, 'assets', 'redeye-player.js'), 'customElements');
    await writeFile(join(consoleDir, 'index.html'), 'the console');
  });
  afterEach(async () => {
    await pages.stop();
    await pages.stop();
  });

  it('answers /health with 200 even when not all is well', async () => {
    await open(0);
    const response = await fetch(`${await base()}/health`);
    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), HEALTH);
  });

  it('names each request, as the asker does or anew (S0.38)', async () => {
    await open(0);
    const named = async (headers: Record<string, string>, path = '/health') =>
      (await fetch((await base()) + path, { headers })).headers.get('x-request-id');
    assert.equal(await named({ 'X-Request-ID': 'lab-7' }), 'lab-7');
    assert.equal(await named({ 'X-Request-ID': 'lab-7' }, '/captures'), 'lab-7', 'on refusals too');
    assert.match(String(await named({ 'X-Request-ID': 'two words' })), /^[0-9a-f-]{36}$/);
  });

  it('lets the pages of listed origins ask with a key, from a public page too (S0.38), and no others', async () => {
    await open(0);
    const ask = async (origin: string, method = 'GET', headers: Record<string, string> = {}) => {
      const response = await fetch(`${await base()}/health`, { method, headers: { Origin: origin, ...headers } });
      return { status: response.status, get: (name: string) => response.headers.get(`access-control-allow-${name}`) };
    };
    const question = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Private-Network': 'true' };
    const asked = await ask('https://lab.example', 'OPTIONS', question);
    assert.deepEqual(
      [asked.status, asked.get('origin'), asked.get('private-network'), asked.get('credentials')],
      [204, 'https://lab.example', 'true', null],
    );
    assert.match(String(asked.get('headers')), /X-API-Key/);
    assert.equal((await ask('https://lab.example')).get('origin'), 'https://lab.example');
    for (const method of ['GET', 'OPTIONS']) {
      const other = await ask('https://other.example', method, question);
      assert.deepEqual([other.get('origin'), other.get('private-network')], [null, null]);
    }
  });

  it('shows a page that cannot be made to run anything', async () => {
    await open(0);
    const response = await fetch(`${await base()}/?x=1`, { headers: { 'X-API-Key': KEY } });
    const text = await response.text();
    assert.match(text, /Redeye on pi/);
    assert.equal(text.includes('<script>'), false);
    assert.match(String(response.headers.get('content-security-policy')), /default-src 'none'/);
  });

  it('shows its pages to whoever logs in with a key of the device, and asks everybody else for one', async () => {
    await open(0);
    const url = await base();
    const go = (path: string, init: RequestInit = {}) => fetch(url + path, { redirect: 'manual', ...init });
    const asked = await go('/stream/watch?camera=pi-cam', { headers: asPerson });
    assert.equal(asked.status, 303);
    const login = asked.headers.get('location') ?? '';
    assert.equal(login, '/login?redirect_url=%2Fstream%2Fwatch%3Fcamera%3Dpi-cam');
    const form = await go(login);
    assert.match(await form.text(), /name="redirect_url" value="&#47;stream|name="redirect_url" value="\/stream/);
    const enter = (api_key: string, redirect_url: string) =>
      go('/login', { method: 'POST', body: new URLSearchParams({ api_key, redirect_url }) });
    assert.equal((await enter('wrong', '/')).status, 403);
    const entered = await enter(KEY, '/stream/watch?camera=pi-cam');
    assert.deepEqual([entered.status, entered.headers.get('location')], [303, '/stream/watch?camera=pi-cam']);
    const [cookie = '', ofB = ''] = entered.headers.getSetCookie();
    assert.match(cookie, /^X-API-Key=[^;]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
    assert.equal(ofB, cookie.replace('X-API-Key', 'relab_session'), 'both dialects of seed 000 find theirs');
    const headers = { ...asPerson, Cookie: cookie.split(';')[0] ?? '' };
    assert.match(await (await go('/stream/watch', { headers })).text(), /<redeye-player camera="pi-cam"/);
    assert.equal(await (await go('/assets/redeye-player.js', { headers })).text(), 'customElements');
    for (const path of ['/assets/..%2Findex.html', '/assets/../index.html', '/assets/none.js'])
      assert.equal((await go(path, { headers })).status, 404, path);
    for (const elsewhere of ['//evil.example', '/\\evil.example', 'https://evil.example'])
      assert.equal((await enter('another-key', elsewhere)).headers.get('location'), '/', elsewhere);
    for (const [method, path] of [
      ['GET', '/logout'],
      ['POST', '/auth/logout'],
    ] as const) {
      const left = await go(path, { method });
      assert.deepEqual([left.status, left.headers.get('location')], [303, '/login'], path);
      assert.deepEqual(
        left.headers.getSetCookie().map((one) => one.split('; Path')[0]),
        ['X-API-Key=', 'relab_session='],
      );
      for (const one of left.headers.getSetCookie()) assert.match(one, /Max-Age=0/);
    }
  });

  it('keeps a login for 12 hours, without the key, over a restart, and as long as the key is one of the device', async () => {
    await open(0);
    let url = await base();
    const enter = (path: string, api_key: string) =>
      fetch(url + path, { method: 'POST', body: new URLSearchParams({ api_key }), redirect: 'manual' });
    const status = async (Cookie: string, init: RequestInit = {}) =>
      (await fetch(url, { ...init, headers: { Cookie, ...init.headers } })).status;
    const entered = await enter('/auth/login', KEY);
    const [, session = ''] = entered.headers.getSetCookie();
    const cookie = session.split(';')[0] ?? '';
    assert.match(cookie, /^relab_session=\d+\.[A-Za-z0-9_-]{43}$/);
    assert.ok(!decodeURIComponent(entered.headers.getSetCookie().join()).includes(KEY));
    assert.equal(await status(cookie), 200);
    assert.equal(await status(cookie.replace('relab_session', 'X-API-Key')), 200);
    assert.equal(await status(`X-API-Key=${encodeURIComponent(KEY)}`), 200, 'a client may put the key itself there');
    const other = cookie.slice(0, -1) + (cookie.endsWith('A') ? 'Q' : 'A');
    for (const forged of [other, cookie.replace(/=\d/, '=9'), 'relab_session=x'])
      assert.equal(await status(forged), 401, forged);

    await pages.stop();
    await open(0);
    url = await base();
    assert.equal(await status(cookie), 200, 'a new process knows it');
    await clock.advance(12 * 3600_000 - 1000);
    assert.equal(await status(cookie), 200);
    await clock.advance(2000);
    assert.equal(await status(cookie), 401);
    const removed = new Access({ device: 'pi', keyHashes: [hashOfKey('another-key')], clock });
    const req = { headers: { cookie: `relab_session=${removed.session(KEY)}` }, method: 'GET', socket: {} };
    assert.throws(() => removed.caller(req as never), { code: 'auth.invalid' });
  });

  it('takes five wrong keys at the login in five minutes, also of who then has the right one (S0.38)', async () => {
    await open(0);
    const url = await base();
    const enter = (path: string, api_key: string) =>
      fetch(url + path, { method: 'POST', body: new URLSearchParams({ api_key }), redirect: 'manual' });
    for (let n = 0; n < 5; n += 1) assert.equal((await enter('/auth/login', `guess ${n}`)).status, 403);
    for (const [path, key] of [
      ['/auth/login', 'guess 6'],
      ['/login', KEY],
    ] as const) {
      const late = await enter(path, key);
      assert.deepEqual([late.status, late.headers.get('retry-after')], [429, '300'], path);
      assert.deepEqual(late.headers.getSetCookie(), []);
    }
    await clock.advance(300_000);
    assert.equal((await enter('/auth/login', KEY)).status, 303);
  });

  it('tells programs without a key 401, and takes five wrong ones in five minutes', async () => {
    await open(0);
    const url = await base();
    const status = async (key?: string) =>
      (await fetch(url, { headers: key === undefined ? {} : { 'X-API-Key': key } })).status;
    assert.equal(await status(), 401);
    assert.equal(await status(KEY), 200);
    for (let n = 0; n < 5; n += 1) assert.equal(await status(`guess ${n}`), 401);
    const late = await fetch(url, { headers: { 'X-API-Key': 'guess 6' } });
    assert.deepEqual([late.status, late.headers.get('retry-after')], [429, '300']);
    assert.equal((await fetch(`${url}/health`)).status, 200);
    await clock.advance(300_000);
    assert.equal(await status(KEY), 200);
  });

  it('shows everybody its icon, as clients of seed 000 may ask for it', async () => {
    await open(0);
    const response = await fetch(`${await base()}/favicon.ico`);
    assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'image/svg+xml']);
    assert.match(await response.text(), /^<svg /);
  });

  it('has nothing else, in the shape of our errors', async () => {
    await open(0);
    const url = await base();
    assert.equal((await fetch(`${url}/camera/status`)).status, 404);
    const response = await fetch(`${url}/health`, { method: 'POST' });
    assert.equal(response.status, 405);
    assert.equal(((await response.json()) as { code: string }).code, 'route.method_not_allowed');
    assert.equal(response.headers.get('allow'), 'GET, HEAD, OPTIONS');
    const asked = await fetch(`${url}/login`, { method: 'OPTIONS' });
    assert.deepEqual([asked.status, asked.headers.get('allow')], [204, 'GET, HEAD, OPTIONS, POST']);
  });

  it('tries a port that is taken again, without harm to the rest', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await open(port);
    await new Promise((resolve) => other.close(resolve));
    await until('it listens', async () => {
      await clock.advance(10_000);
      return pages.server.listening;
    });
  });
});

describe("the device's flows", () => {
  it('are the tabs in edge/, enabled, and one that cannot be read does not stop the others', async () => {
    const flowsDir = await temporaryFolder('flows');
    const tab = [
      { id: 't', type: 'tab', label: 'One' },
      { id: 'n', type: 'inject', z: 't' },
    ];
    for (const side of ['edge', 'server']) await mkdir(join(flowsDir, side));
    await writeFile(join(flowsDir, 'edge', 'one.json'), JSON.stringify(tab));
    await writeFile(join(flowsDir, 'edge', 'torn.json'), '[{');
    await writeFile(join(flowsDir, 'edge', '_index.json'), '{"order":[]}');
    await writeFile(join(flowsDir, 'server', 'two.json'), JSON.stringify(tab));
    const storage = createEdgeStorage({ flowsDir, userDir: flowsDir, log: silentLog });
    await storage.init();
    assert.deepEqual(await storage.getFlows(), tab);
    await assert.rejects(storage.saveFlows([]), { code: 'flow.invalid' });
    const empty = createEdgeStorage({ flowsDir: join(flowsDir, 'none'), userDir: flowsDir, log: silentLog });
    assert.deepEqual(await empty.getFlows(), []);
  });
});
