import assert from 'node:assert/strict';
import type { FleetService, RetentionService } from '../../../runtime/contracts/services.ts';
import type { HttpParts } from '../../../runtime/http/app.ts';
import { HttpServer } from '../../../runtime/http/server.ts';
import { strike } from '../../hostile/strike.ts';
import { openDoor } from '../../support/http-door.ts';

type Door = Awaited<ReturnType<typeof openDoor>>;

describe('the HTTP face and hostile requests', () => {
  let door: Door | undefined;
  const open = async (parts: Partial<HttpParts> = {}) => {
    door = await openDoor(parts);
    return door;
  };
  const raw = ({ url }: Door, text: string) => strike(Number(new URL(url).port), Buffer.from(text));
  afterEach(() => door?.close());

  it('refuses NUL and halves of surrogate pairs in address, query and body before a handler sees them', async () => {
    const { call, userToken } = await open();
    const token = await userToken('admin');
    for (const [method, path, body, field] of [
      ['GET', '/api/v1/devices/%00', undefined, 'id'],
      ['GET', '/api/v1/events?cursor=%00', undefined, 'cursor'],
      ['PATCH', '/api/v1/devices/pi', { name: 'a\0' }, 'name'],
      ['PATCH', '/api/v1/devices/pi', { name: '\ud800' }, 'name'],
      ['POST', '/api/v1/devices', { name: 'a\0' }, 'name'],
      ['POST', '/api/v1/cameras', { name: 'a\0', url: 'sim:bars' }, 'name'],
      ['POST', '/api/v1/cameras/gate/capture', { product: { name: 'a\0' } }, 'product.name'],
      ['POST', '/api/v1/cameras/gate/streams', { type: 'youtube', title: 'a\0' }, 'title'],
      ['PUT', '/api/v1/cameras/gate/rois', { rois: [{ name: 'a\0' }] }, 'rois.0.name'],
      ['POST', '/api/v1/users', { name: 'a', 'b\0': 1 }, 'body'],
      ['POST', '/api/v1/auth/login', { email: '\0', password: 'x' }, 'email'],
    ] as const) {
      const { status, json } = await call(method, path, { token, body });
      assert.deepEqual([status, json.code, json.field], [400, 'request.invalid', field], `${method} ${path}`);
    }
  });

  it('does not take a body that is not said to be JSON for an empty one: a dry run stays dry', async () => {
    const retention = { run: async (asked: object) => asked } as unknown as RetentionService;
    const { call, userToken } = await open({ retention });
    const token = await userToken('admin');
    const run = (headers: Record<string, string>) =>
      call('POST', '/api/v1/retention/run', { token, body: '{"dry_run":true}', headers });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', '']) {
      const { status, json } = await run({ 'Content-Type': type });
      assert.deepEqual([status, json.code], [415, 'request.unsupported_type'], type);
    }
    assert.equal((await run({})).json.dryRun, true);
  });

  it('takes a request without a body where all its fields may be left out', async () => {
    const retention = { run: async (asked: object) => asked } as unknown as RetentionService;
    const { call, userToken } = await open({ retention });
    assert.equal((await call('POST', '/api/v1/retention/run', { token: await userToken('admin') })).status, 200);
  });

  it('knows no field by the name of __proto__', async () => {
    const { call, userToken } = await open({ events: { list: async () => ({}) } as never });
    const token = await userToken('viewer');
    const { status } = await call('GET', '/api/v1/events?__proto__=x&__proto__=y', { token });
    assert.equal(status, 400);
  });

  it('reads no second request behind a transfer coding that a proxy may have read otherwise', async () => {
    const hidden = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
    const head =
      'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { statuses } = await raw(await open(), `${head}0\r\n\r\n${hidden}`);
    assert.deepEqual(statuses, [400]);
  });

  it('refuses an address that cannot be taken apart, and lets nobody upgrade at one', async () => {
    const opened = await open();
    for (const more of ['', 'Upgrade: websocket\r\nConnection: Upgrade\r\n']) {
      const { status } = await raw(opened, `GET http://[bad/ HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
      assert.equal(status, 400);
    }
  });

  it('lets no address climb in the editor', async () => {
    const editor = () => assert.fail('the editor was reached');
    const { call } = await open({ flows: { editor, node: (_req, _res, next) => next() } });
    for (const path of ['/editor/icons/x/..%2fy', '/editor/%2e%2e%2fy', '/editor/%zz'])
      assert.equal((await call('GET', path)).status, 400, path);
  });

  it('keeps the limits of slow and large requests', async () => {
    const { server } = new HttpServer({ host: '127.0.0.1', port: 0 });
    assert.deepEqual([server.headersTimeout, server.requestTimeout, server.keepAliveTimeout], [10_000, 60_000, 5000]);
    const opened = await open({ fleet: {} as FleetService });
    const header = await raw(opened, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`);
    assert.equal(header.status, 431);
    const token = await opened.userToken('admin');
    const { status } = await opened.call('POST', '/api/v1/devices', { token, body: { name: 'x'.repeat(65_536) } });
    assert.equal(status, 413);
  });
});
