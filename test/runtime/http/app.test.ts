import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { DeviceWithKey } from '../../../runtime/contracts/api.ts';
import { AppError } from '../../../runtime/contracts/errors.ts';
import type { EventMessage } from '../../../runtime/contracts/events.ts';
import type { EventsService, FleetService } from '../../../runtime/contracts/services.ts';
import { ROLES } from '../../../runtime/contracts/users.ts';
import { apiRoutes, type HttpParts } from '../../../runtime/http/app.ts';
import { consolePages } from '../../../runtime/http/console.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { openDoor } from '../../support/http-door.ts';

type Door = Awaited<ReturnType<typeof openDoor>>;

describe('the HTTP face', () => {
  let door: Door | undefined;
  const open = async (parts: Partial<HttpParts> = {}) => {
    door = await openDoor(parts);
    return door;
  };
  afterEach(() => door?.close());

  it('answers errors in one envelope, with the code that leads to the runbook', async () => {
    const { call, userToken } = await open();
    const nothing = await call('GET', '/api/v1/nothing', { token: await userToken('viewer') });
    assert.deepEqual(nothing.json, {
      statusCode: 404,
      error: 'Not Found',
      message: 'there is nothing at GET /api/v1/nothing',
      code: 'route.not_found',
    });
    assert.equal((await call('GET', '/api/v1/devices')).json.code, 'auth.missing');
  });

  it('does not tell what went wrong inside', async () => {
    const fleet = {
      async devices() {
        throw new Error('password of postgres is hunter2');
      },
    } as unknown as FleetService;
    const { call, userToken } = await open({ fleet });
    const { status, text } = await call('GET', '/api/v1/devices', { token: await userToken('viewer') });
    assert.equal(status, 500);
    assert.ok(!text.includes('hunter2'));
  });

  it('passes on how long to wait', async () => {
    const fleet = {
      async devices() {
        throw new AppError('db.unavailable', 'the database does not answer', { retryAfterS: 2.2 });
      },
    } as unknown as FleetService;
    const { call, userToken } = await open({ fleet });
    const { status, headers, json } = await call('GET', '/api/v1/devices', { token: await userToken('viewer') });
    assert.deepEqual([status, headers.get('retry-after'), json.code], [503, '3', 'db.unavailable']);
  });

  it('lets nobody do what their role may not, on any route', async () => {
    const { call, userToken } = await open();
    const routes = apiRoutes({} as HttpParts);
    assert.ok(routes.length > 25);
    for (const role of ROLES.slice(1)) {
      const token = await userToken(role);
      for (const route of routes) {
        const path = `/api/v1${route.path.replace(/:\w+/g, 'x')}`;
        const less = ROLES.indexOf(role) > ROLES.indexOf(route.access as never);
        if (route.access === 'open' || !less) continue;
        const { status, json } = await call(route.method.toUpperCase(), path, {
          token,
          ...(route.body && { body: {} }),
        });
        assert.deepEqual([status, json.code], [403, 'auth.forbidden'], `${role} ${route.method} ${path}`);
      }
    }
    for (const route of routes.filter(({ access }) => access !== 'open')) {
      const path = `/api/v1${route.path.replace(/:\w+/g, 'x')}`;
      assert.equal((await call(route.method.toUpperCase(), path)).status, 401, `${route.method} ${path}`);
    }
  });

  it('gives the first answer again when a creation is repeated under its Idempotency-Key', async () => {
    let made = 0;
    const fleet = {
      async createDevice() {
        made += 1;
        return { id: `d${made}`, api_key: 'k' } as DeviceWithKey;
      },
    } as unknown as FleetService;
    const { call, userToken } = await open({ fleet });
    const token = await userToken('admin');
    const create = (name: string, key: string) =>
      call('POST', '/api/v1/devices', { token, body: { name }, headers: { 'Idempotency-Key': key } });
    const [one, two] = await Promise.all([create('a', 'k1'), create('a', 'k1')]);
    assert.deepEqual([one.status, one.json.id, two.json.id], [201, 'd1', 'd1']);
    assert.equal((await create('b', 'k1')).json.field, 'Idempotency-Key');
    assert.equal((await create('b', 'k2')).json.id, 'd2');
  });

  it('changes only the fields of a configuration that were named', async () => {
    const changes: unknown[] = [];
    const fleet = {
      async putConfig(_id: string, change: unknown) {
        changes.push(change);
        return { version: 2, config: {} };
      },
    } as unknown as FleetService;
    const { call, userToken } = await open({ fleet });
    const token = await userToken('operator');
    const put = (body: unknown) => call('PUT', '/api/v1/devices/pi/config', { token, body });
    assert.equal((await put({ capture_interval_s: 5 })).status, 200);
    assert.deepEqual(changes, [{ capture_interval_s: 5 }]);
    assert.deepEqual(
      [(await put({ burst_fps: 99 })).json.field, (await put({ fps: 1 })).json.field],
      ['burst_fps', 'fps'],
    );
  });

  it('refuses list queries that make no sense, and names the field', async () => {
    const events = { list: async () => ({ items: [], next: null }) } as unknown as EventsService;
    const { call, userToken } = await open({ events });
    const token = await userToken('viewer');
    for (const [query, field] of [
      ['limit=0', 'limit'],
      ['limit=500', 'limit'],
      ['limit=x', 'limit'],
      ['from=yesterday', 'from'],
      ['from=2026-11-20T12:00:00', 'from'],
      ['camera=../etc', 'camera'],
      ['type=explosion', 'type'],
      ['colour=red', 'colour'],
    ]) {
      const { status, json } = await call('GET', `/api/v1/events?${query}`, { token });
      assert.deepEqual([status, json.field], [400, field], query);
    }
  });

  it('streams events with their numbers, goes on from Last-Event-ID, and shows nobody what they may not see', async () => {
    let tell: (message: EventMessage) => void = () => {};
    let asked: number | undefined;
    let released = 0;
    const events = {
      subscribe(onEvent: typeof tell, options: { after?: number } = {}) {
        tell = onEvent;
        asked = options.after;
        return () => {
          released += 1;
        };
      },
    } as unknown as EventsService;
    const { url, userToken } = await open({ events });
    const token = await userToken('viewer', ['porch']);
    const ending = new AbortController();
    const response = await fetch(`${url}/api/v1/stream`, {
      headers: { Authorization: `Bearer ${token}`, 'Last-Event-ID': '41' },
      signal: ending.signal,
    });
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    const message = (n: number, camera: string) =>
      ({ v: 1, ts: 1, n, phase: 'start', event: { id: `e${n}`, camera } }) as EventMessage;
    tell(message(42, 'kitchen'));
    tell(message(43, 'porch'));
    let text = '';
    const reader = response.body?.getReader();
    while (!text.includes('e43')) text += new TextDecoder().decode((await reader?.read())?.value);
    assert.match(text, /id: 43\nevent: event\ndata: \{"v":1,/);
    assert.ok(!text.includes('kitchen'));
    assert.equal(asked, 41);
    ending.abort();
    while (released === 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('answers HEAD of the event stream whole, so that the connection is free for what comes next', async () => {
    const { url, userToken } = await open();
    const token = await userToken('viewer');
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const lines = `Host: x\r\nAuthorization: Bearer ${token}\r\n`;
    socket.write(
      `HEAD /api/v1/stream HTTP/1.1\r\n${lines}\r\nGET /healthz HTTP/1.1\r\n${lines}Connection: close\r\n\r\n`,
    );
    const answers = Buffer.concat(await socket.toArray()).toString();
    assert.match(answers, /^HTTP\/1\.1 200 .*text\/event-stream.*\r\n\r\nHTTP\/1\.1 200 .*"status":"ok"/s);
  });

  it('lets other origins in only when they are listed', async () => {
    const { call } = await open({ corsOrigins: ['https://shop.example'] });
    const preflight = (origin: string) =>
      call('OPTIONS', '/api/v1/devices', { headers: { Origin: origin, 'Access-Control-Request-Method': 'GET' } });
    assert.equal(
      (await preflight('https://shop.example')).headers.get('access-control-allow-origin'),
      'https://shop.example',
    );
    assert.equal((await preflight('https://evil.example')).headers.get('access-control-allow-origin'), null);
  });

  it('keeps what flows serve closed, but for devices, users and open paths', async () => {
    const fleet = {
      async deviceOfKey(key: string) {
        return key === 'good' ? { id: 'pi', cameras: [], disabled: false } : undefined;
      },
    } as unknown as FleetService;
    const { call, userToken } = await open({
      fleet,
      openPaths: ['/hook', '/public/*'],
      flows: { node: (req, res, next) => (req.path === '/none' ? next() : void res.send('flow')) },
    });
    assert.equal((await call('GET', '/mine')).status, 401);
    assert.equal((await call('GET', '/mine', { headers: { 'X-API-Key': 'bad' } })).status, 401);
    assert.equal((await call('GET', '/mine', { headers: { 'X-API-Key': 'good' } })).text, 'flow');
    assert.equal((await call('GET', '/mine', { token: await userToken('viewer') })).text, 'flow');
    assert.equal((await call('GET', '/hook')).text, 'flow');
    assert.equal((await call('GET', '/public/x')).text, 'flow');
    assert.equal((await call('GET', '/publication')).status, 401);
    assert.equal((await call('GET', '/none', { headers: { 'X-API-Key': 'good' } })).json.code, 'route.not_found');
  });

  it('shows a browser that is not logged in the console, and a program the refusal', async () => {
    const { call, userToken } = await open({
      console: (req, res, next) =>
        req.accepts(['json', 'html']) === 'html' ? void res.type('html').send('console') : next(),
      flows: { node: (req, res, next) => (req.path === '/mine' ? void res.send('flow') : next()) },
    });
    const html = { Accept: 'text/html' };
    assert.equal((await call('GET', '/mine', { headers: html })).text, 'console');
    assert.equal((await call('GET', '/mine')).status, 401);
    const token = await userToken('viewer');
    assert.equal((await call('GET', '/mine', { headers: html, token })).text, 'flow');
    assert.equal((await call('GET', '/events/x', { headers: html, token })).text, 'console');
  });

  it('serves the console under its own path, with a policy that lets nothing foreign in', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<base href="__BASE__/">');
    await writeFile(join(folder, 'assets', 'app.js'), '1');
    const { call } = await open({ console: consolePages(folder, '/cams'), basePath: '/cams' });
    const page = await call('GET', '/devices/pi', { headers: { Accept: 'text/html' } });
    assert.deepEqual([page.status, page.text], [200, '<base href="/cams/">']);
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'self';.*frame-ancestors 'none'/);
    assert.match(
      (await call('GET', '/assets/app.js', { headers: { Accept: 'text/html' } })).headers.get('cache-control') ?? '',
      /immutable/,
    );
    assert.equal(
      (await call('GET', '/api/v1/nothing', { headers: { Accept: 'text/html' } })).json.code,
      'route.not_found',
    );
    assert.equal(consolePages(join(folder, 'none'), ''), undefined);
  });

  it('lands everybody who asks for the first address at the console, also a program that says nothing of what it takes', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'index.html'), 'console');
    const { url, call, userToken } = await open({ console: consolePages(folder, '') });
    const raw = async (lines: string) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write(`${lines}\r\nHost: x\r\nConnection: close\r\n\r\n`);
      return Buffer.concat(await socket.toArray()).toString();
    };
    assert.match(await raw('GET / HTTP/1.1'), /^HTTP\/1\.1 200 .*text\/html.*console$/s);
    assert.match(await raw('HEAD / HTTP/1.1'), /^HTTP\/1\.1 200 .*Content-Length: 7\r\n.*\r\n\r\n$/s);
    const token = await userToken('viewer');
    for (const Accept of ['*/*', 'text/html', 'text/*;q=0.1']) {
      assert.equal((await call('GET', '/', { headers: { Accept } })).text, 'console', Accept);
      assert.equal((await call('GET', '/?a=b', { headers: { Accept }, token })).text, 'console', Accept);
    }
    assert.equal((await call('GET', '/', { headers: { Accept: 'application/json' }, token })).status, 404);
    assert.equal((await call('GET', '/nothing', { headers: { Accept: '*/*' }, token })).status, 404);
    assert.equal((await call('POST', '/', { headers: { Accept: '*/*' } })).status, 401);
  });

  it('lets the pages of the console connect home, and to LiveKit where that is set up, nowhere else', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'index.html'), '');
    const allowed = async (livekitUrl?: string) => {
      const { call } = await open({ console: consolePages(folder, '', livekitUrl) });
      const { headers } = await call('GET', '/', { headers: { Accept: 'text/html' } });
      return /connect-src ([^;]*)/.exec(headers.get('content-security-policy') ?? '')?.[1];
    };
    assert.equal(await allowed(), "'self'");
    const secure = "'self' wss://live.example https://live.example";
    assert.equal(await allowed('wss://live.example/secure/livekit?a=b'), secure);
    assert.equal(await allowed('https://live.example'), secure);
    assert.equal(await allowed('ws://[::1]:7880'), "'self' ws://[::1]:7880 http://[::1]:7880");
    for (const bad of ["wss://a;script-src'self'", 'wss://*', 'wss://a,b', 'wss://', 'data:x'])
      assert.equal(await allowed(bad), "'self'", bad);
  });

  it('says of its addresses without a credential which methods they have', async () => {
    const { call } = await open();
    for (const path of ['/healthz', '/readyz', '/health', '/metrics', '/api/openapi.json', '/api/docs/']) {
      const { status, headers, json } = await call('POST', path, { body: {} });
      const said = [status, headers.get('allow'), json.code];
      assert.deepEqual(said, [405, 'GET, HEAD, OPTIONS', 'route.method_not_allowed'], path);
      assert.equal((await call('OPTIONS', path)).status, 204, path);
    }
    assert.equal((await call('POST', '/api/docs/package.json')).status, 404);
  });

  it('is healthy while the process runs, and ready when everything is there', async () => {
    let trouble: string | undefined = 'the disk is full';
    const { call } = await open({ checks: [{ name: 'disk', trouble: () => trouble }] });
    assert.equal((await call('GET', '/healthz')).json.status, 'ok');
    const not = await call('GET', '/readyz');
    assert.deepEqual([not.status, not.json.checks.disk], [503, 'the disk is full']);
    trouble = undefined;
    assert.equal((await call('GET', '/readyz')).status, 200);
  });

  it('describes itself as OpenAPI 3.1, and leads from / to the editor', async () => {
    const { call } = await open({ basePath: '/cams' });
    const { json } = await call('GET', '/api/openapi.json');
    assert.equal(json.openapi, '3.1.0');
    assert.equal(json.paths['/api/v1/cameras/{id}/rois'].put['x-role'], 'operator');
    assert.ok(json.paths['/api/v1/ingest/frame'].post);
    const root = await call('GET', '/');
    assert.deepEqual([root.status, root.headers.get('location')], [302, '/cams/editor/']);
  });
});
