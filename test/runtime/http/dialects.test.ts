import assert from 'node:assert/strict';
import type { Request, Response } from 'express';
import type { ApiAnswer, ApiRequest } from '../../../runtime/contracts/api-host.ts';
import { InProcess } from '../../../runtime/http/dialects/in-process.ts';
import { isPrivateAddress, opennessOf } from '../../../runtime/lib/openness.ts';
import { openDoor } from '../../support/http-door.ts';

/** A flow that tells what it was asked, and what the product API says to who asked. */
function echo(caller: InProcess, ask: ApiRequest = { method: 'GET', path: '/auth/me' }) {
  return (req: unknown, res: unknown, next: (error?: unknown) => void) => {
    const { path, query, body } = req as Request;
    if (path === '/v3/nothing') return next();
    caller.call(ask, req).then((answer: ApiAnswer) => {
      (res as Response).json({ path, query, body, status: answer.status, me: answer.body });
    }, next);
  };
}

describe('the door of the dialects', () => {
  const doors: { close(): Promise<unknown> }[] = [];

  async function door(open: string[] = [], ask?: ApiRequest) {
    const caller = new InProcess();
    const made = await openDoor({ dialects: { open, caller }, flows: { node: echo(caller, ask) } });
    doors.push(made);
    return made;
  }

  afterEach(async () => {
    for (const made of doors.splice(0)) await made.close();
  });

  it('is closed, and says so as each system would, with our code', async () => {
    const { call } = await door();
    const said = async (method: string, path: string) => {
      const { status, json } = await call(method, path);
      return [status, json];
    };
    const message = 'log in first: this needs an Authorization header';
    const code = 'auth.missing';
    assert.deepEqual(await said('GET', '/api/stats'), [401, { detail: message, code }]);
    assert.deepEqual(await said('GET', '/secure/api/stats'), [401, { detail: message, code }]);
    assert.deepEqual(await said('GET', '/plugins/rpi-cam/cameras'), [401, { detail: message, code }]);
    const nest = { statusCode: 401, message, error: 'Unauthorized', code };
    assert.deepEqual(await said('POST', '/api/v1/camera/capture'), [401, nest]);
    assert.deepEqual(await said('GET', '/v3/paths/list'), [401, { status: 'error', error: message, code }]);
    assert.deepEqual(await said('GET', '/api/v1/admin/events'), [401, { ok: false, error: message, code }]);
    assert.equal((await call('GET', '/v3/paths/list')).headers.get('www-authenticate'), 'Basic realm="mediamtx"');
  });

  it('lets the flow ask the product API in the name of who came, and of nobody else', async () => {
    const { call, userToken } = await door(['uuplastination']);
    const token = await userToken('viewer', ['gate']);
    const { json } = await call('GET', '/v3/paths/list?page=1', { token });
    assert.deepEqual(
      [json.status, json.me.role, json.me.cameras, json.query],
      [200, 'viewer', ['gate'], { page: '1' }],
    );
    const stranger = await call('GET', '/camera/status');
    assert.deepEqual([stranger.json.me.name, stranger.json.me.role], ['dialect:uuplastination', 'operator']);
    assert.equal((await call('GET', '/v3/paths/list')).status, 401);
  });

  it('gives who came no right that the product API does not give', async () => {
    const { call, userToken } = await door(['pivision'], { method: 'GET', path: '/retention' });
    const token = await userToken('operator');
    const { json } = await call('GET', '/api/v1/admin/metrics/ingest', { token });
    assert.deepEqual([json.status, json.me.code], [403, 'auth.forbidden']);
    assert.equal((await call('GET', '/api/v1/admin/metrics/ingest')).json.me.code, 'auth.forbidden');
  });

  it('tells a wrong credential also where none is needed', async () => {
    const { call } = await door(['uuplastination']);
    const { status, json } = await call('GET', '/api/stats', { token: 'made.up.token' });
    assert.deepEqual([status, json.code], [401, 'auth.invalid']);
  });

  it('opens with @lan to private addresses only', () => {
    const isOpen = opennessOf(['relab@lan', 'mediamtx']);
    assert.deepEqual(
      ['192.168.1.9', '10.0.0.1', '::1', 'fd00::1', '::ffff:172.16.4.4', '8.8.8.8', '2001:db8::1', ''].map((ip) => [
        isOpen('relab', ip),
        isOpen('mediamtx', ip),
        isOpen('pivision', ip),
      ]),
      [...[1, 2, 3, 4, 5].map(() => [true, true, false]), ...[1, 2, 3].map(() => [false, true, false])],
    );
    assert.equal(isPrivateAddress('127.0.0.1'), true);
  });

  it('does not take whoever came through an unknown proxy for a neighbour, only because the proxy is one', async () => {
    const { call } = await door(['mediamtx@lan']);
    assert.equal((await call('GET', '/v3/paths/list')).status, 200);
    for (const headers of [
      { 'X-Forwarded-For': '8.8.8.8' },
      { Forwarded: 'for=192.168.1.4' },
      { 'X-Real-IP': '10.0.0.1' },
    ] as Record<string, string>[])
      assert.equal((await call('GET', '/v3/paths/list', { headers })).status, 401, JSON.stringify(headers));
    const caller = new InProcess();
    const told = await openDoor({
      dialects: { open: ['mediamtx@lan'], caller },
      flows: { node: echo(caller) },
      trustProxy: 'loopback',
    });
    doors.push(told);
    const from = async (address: string) =>
      (await told.call('GET', '/v3/paths/list', { headers: { 'X-Forwarded-For': address } })).status;
    assert.deepEqual([await from('192.168.1.9'), await from('8.8.8.8')], [200, 401]);
  });

  it('reads bodies before the flow does, and refuses what cannot be read in the words of the system', async () => {
    const { call } = await door(['compucyto', 'uuplastination']);
    const post = (path: string, body: string, type = 'application/json') =>
      call('POST', path, { body, headers: { 'Content-Type': type } });
    assert.deepEqual((await post('/api/v1/camera/capture', '{"exposure": 100}')).json.body, { exposure: 100 });
    const broken = await post('/api/v1/camera/capture', '{"exposure":');
    assert.deepEqual([broken.status, broken.json.statusCode, broken.json.code], [400, 400, 'request.invalid']);
    const fastapi = await post('/camera/start', '{');
    assert.deepEqual(
      [fastapi.status, fastapi.json],
      [
        422,
        {
          detail: [{ loc: ['body'], msg: 'the body is not valid JSON', type: 'json_invalid' }],
          code: 'request.invalid',
        },
      ],
    );
    assert.equal((await post('/camera/start', '<x/>', 'text/xml')).status, 415);
    assert.equal((await post('/camera/start', JSON.stringify('x'.repeat(70_000)))).status, 413);
    assert.equal((await post('/api/v1/camera/capture', '{"description":"\\u0000"}')).status, 400);
  });

  it('answers no JSONP, and 404 in the words of the system where no flow answers', async () => {
    const { call } = await door(['mediamtx']);
    assert.deepEqual((await call('GET', '/v3/info?callback=steal&page=2')).json.query, { page: '2' });
    const { status, json } = await call('GET', '/v3/nothing');
    assert.deepEqual([status, json], [404, { status: 'error', error: 'Not Found', code: 'route.not_found' }]);
  });

  it('tells another method of a path as its system would: 405 with `Allow` where FastAPI or Next answered, else 404', async () => {
    const made = await openDoor({
      dialects: { open: ['uuplastination', 'relab'], caller: new InProcess() },
      flows: {
        node: (_req, _res, next) => next(),
        methods: (path) => (/nothing$/.test(path) ? [] : ['get', 'put']),
      },
    });
    doors.push(made);
    const token = await made.userToken('viewer');
    const said = async (path: string, options = { token }) => {
      const { status, headers, json } = await made.call('DELETE', path, options);
      return [status, headers.get('allow'), json];
    };
    const words = { code: 'route.method_not_allowed' };
    const allow = 'GET, HEAD, OPTIONS, PUT';
    const fastapi = { detail: 'Method Not Allowed', ...words };
    assert.deepEqual(await said('/api/stepper/status'), [405, allow, fastapi]);
    assert.deepEqual(await said('/plugins/rpi-cam/cameras'), [405, allow, fastapi]);
    const suite = { success: false, message: 'Method Not Allowed', ...words };
    assert.deepEqual(await said('/api/auth/session'), [405, allow, suite]);
    for (const path of ['/api/v1/camera/settings', '/v3/info', '/api/v1/admin/events', '/api/stepper/nothing'])
      assert.deepEqual((await said(path)).slice(0, 2), [404, null], path);
    assert.equal((await made.call('DELETE', '/v3/info')).status, 401);
    assert.equal((await made.call('DELETE', '/api/stepper/status')).status, 405, 'opened');
  });

  it('says 503 and when to come again while the flows do not run: a start or a stop is no missing route', async () => {
    let trouble: string | undefined = 'flows are starting';
    const node = echo(new InProcess());
    const made = await openDoor({
      dialects: { open: ['mediamtx', 'uuplastination'], caller: new InProcess() },
      flows: { node: (req, res, next) => (trouble ? next() : node(req, res, next)), trouble: () => trouble },
    });
    doors.push(made);
    const early = await made.call('GET', '/v3/paths/list');
    const said = { status: 'error', error: 'flows are starting', code: 'flows.stopped' };
    assert.deepEqual([early.status, early.json, early.headers.get('retry-after')], [503, said, '2']);
    assert.equal((await made.call('GET', '/camera/status')).json.detail, 'flows are starting');
    assert.equal((await made.call('GET', '/nothing')).status, 401, 'who shows no credential learns nothing elsewhere');
    trouble = undefined;
    assert.equal((await made.call('GET', '/v3/paths/list')).status, 200);
    assert.equal((await made.call('GET', '/v3/nothing')).status, 404);
  });

  it('leaves the product API before the dialects, and everything else below /api not found', async () => {
    const { call } = await door(['compucyto']);
    assert.equal((await call('GET', '/api/v1/devices')).json.code, 'auth.missing');
    assert.equal((await call('GET', '/api/v1/nothing')).json.code, 'route.not_found');
    assert.equal((await call('GET', '/api/nothing')).json.code, 'route.not_found');
  });

  it('gives a message that no request stands behind no rights', async () => {
    const caller = new InProcess();
    doors.push(await openDoor({ dialects: { open: ['relab'], caller } }));
    const { status, body } = await caller.call({ method: 'GET', path: '/auth/me' }, undefined);
    assert.deepEqual([status, (body as { code: string }).code], [401, 'auth.missing']);
    const login = { method: 'POST', path: '/auth/login', body: { email: 'nobody', password: 'wrong' } } as const;
    assert.equal((await caller.call(login, {})).status, 401);
  });
});
