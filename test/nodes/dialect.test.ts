import assert from 'node:assert/strict';
import { FakeHost } from '../support/fake-host.ts';
import { playFlow } from '../support/flow-player.ts';

const SETTINGS = {
  exposure: 20,
  gain: 1,
  resolution: { width: 1280, height: 720 },
  ranges: { exposure: { min: 1, max: 500 }, gain: { min: 1, max: 16 } },
  available_resolutions: [{ width: 1280, height: 720 }],
  connected: true,
  streaming: false,
};
const CAMERAS = {
  items: [
    { id: 'gate', state: 'live' },
    { id: 'porch', state: 'idle' },
  ],
  next: null,
};
const node = (dialect: string, operation: string) => [
  { id: 'n', type: 'dialect', version: 1, dialect, operation, wires: [[]] },
];
const request = (method: string, path: string, query = {}) => ({
  method,
  path,
  query,
  params: {},
  protocol: 'http',
  headers: { host: 'redeye:1880' },
});

describe('dialect', () => {
  it('asks the product API for who sent the request, and answers as the other system would, in its example', async () => {
    const fake = new FakeHost();
    fake.api.answers.set('GET /cameras', { body: CAMERAS });
    fake.api.answers.set('GET /cameras/gate/settings', { body: SETTINGS });
    const flow = await playFlow('flows/examples/dialect.json', { host: fake.host });
    const req = request('GET', '/settings-of-camera');
    const [id = ''] = (await flow.engine.getFlows()).flows
      .filter(({ type }) => type === 'dialect')
      .map((one) => one.id);
    flow.inject(id, { req, payload: {} });
    const { payload, statusCode } = await flow.next(id);
    assert.equal(statusCode, 200);
    assert.deepEqual([payload.exposure, payload.exposureMax, payload.connected], [20, 500, true]);
    assert.ok(fake.api.asked.every(({ askedBy }) => askedBy === req));
    await flow.stop();
  });

  it('means the camera of the query, else DIALECT_CAMERA, else the first', async () => {
    const fake = new FakeHost();
    fake.api.answers.set('GET /cameras', { body: CAMERAS });
    for (const id of ['gate', 'porch']) fake.api.answers.set(`GET /cameras/${id}/settings`, { body: SETTINGS });
    const flow = await playFlow(node('compucyto-backend', 'settings'), { host: fake.host });
    const asked = async (query: object) => {
      flow.inject('n', { req: request('GET', '/x', query) });
      const { statusCode } = await flow.next('n');
      return statusCode === 200 ? fake.api.asked.at(-1)?.request.path : statusCode;
    };
    assert.equal(await asked({}), '/cameras/gate/settings');
    fake.api.dialectCamera = 'porch';
    assert.equal(await asked({}), '/cameras/porch/settings');
    assert.equal(await asked({ camera: 'gate' }), '/cameras/gate/settings');
    assert.equal(await asked({ camera: 'roof' }), 404);
    await flow.stop();
  });

  it("tells the dashboard of seed 001 how everything is that goes out of the asker's cameras, the worst first", async () => {
    const fake = new FakeHost();
    fake.api.answers.set('GET /cameras', { body: CAMERAS });
    const flow = await playFlow(node('uuplastination', 'camera-status'), { host: fake.host });
    const stream = { type: 'rtmp', wanted: true, state: 'live', reason: null };
    const told = async (...items: object[]) => {
      fake.api.answers.set('GET /streams', { body: { items, next: null } });
      const req = request('GET', '/camera/status');
      flow.inject('n', { req });
      const { publisher } = (await flow.next('n')).payload;
      assert.equal(fake.api.asked.at(-1)?.askedBy, req);
      assert.deepEqual(Object.keys(publisher).sort(), ['detail', 'pid', 'status', 'ts']);
      assert.ok(Math.abs(publisher.ts - Date.now() / 1000) < 60, 'in seconds');
      assert.equal(publisher.pid, process.pid);
      return [publisher.status, publisher.detail];
    };
    const waiting = { ...stream, id: 'b', type: 'youtube', state: 'waiting', reason: 'it refuses the key' };
    assert.deepEqual(await told(), ['missing', null]);
    assert.deepEqual(await told({ ...stream, id: 'kept', type: 'hls', state: 'waiting' }), ['missing', null]);
    assert.deepEqual(await told({ ...waiting, wanted: false }), ['missing', null]);
    assert.deepEqual(await told({ ...stream, id: 'a' }), ['running', null]);
    assert.deepEqual(await told({ ...stream, id: 'a' }, { ...stream, id: 'c', state: 'connecting' }), [
      'initializing',
      'c',
    ]);
    assert.deepEqual(await told({ ...stream, id: 'a' }, waiting), ['error', 'b: it refuses the key']);
    fake.api.answers.set('GET /streams', { status: 503, body: { code: 'db.unavailable', message: 'no database' } });
    flow.inject('n', { req: request('GET', '/camera/status') });
    const { statusCode, payload } = await flow.next('n');
    assert.deepEqual([statusCode, payload.publisher], [200, { status: 'unreadable' }]);
    await flow.stop();
  });

  it('leads below the path of PUBLIC_URL, in addresses it answers and where it sends on', async () => {
    const fake = new FakeHost();
    fake.api.basePath = '/redeye';
    fake.api.answers.set('GET /cameras', { body: CAMERAS });
    fake.api.answers.set('GET /cameras/gate', { body: { id: 'gate', name: 'Gate', state: 'live' } });
    fake.api.answers.set('POST /cameras/gate/stream-token', { body: { token: 'once' } });
    const asked = async (dialect: string, operation: string, params: object) => {
      const flow = await playFlow(node(dialect, operation), { host: fake.host });
      flow.inject('n', { req: { ...request('GET', '/x'), params }, payload: {} });
      const came = await flow.next('n');
      await flow.stop();
      return came;
    };
    const { payload } = await asked('compucyto-backend', 'preview', {});
    assert.equal(payload.streamUrl, 'http://redeye:1880/redeye/api/v1/cameras/gate/mjpeg?token=once');
    const { headers, statusCode } = await asked('relab-platform', 'preview-hls', { id: 'gate', file: 'master.m3u8' });
    assert.deepEqual([statusCode, headers.Location], [307, '/redeye/api/v1/cameras/gate/hls/index.m3u8?token=once']);
  });

  it('answers also when the API refuses, and keeps what nobody foresaw to the log', async () => {
    const fake = new FakeHost();
    const flow = await playFlow(node('compucyto-backend', 'settings'), { host: fake.host });
    fake.api.answers.set('GET /cameras', { status: 403, body: { code: 'auth.forbidden', message: 'not yours' } });
    flow.inject('n', { req: request('GET', '/x') });
    const refused = await flow.next('n');
    assert.deepEqual(
      [refused.statusCode, refused.payload],
      [403, { statusCode: 403, message: 'not yours', error: 'Forbidden', code: 'auth.forbidden' }],
    );
    fake.api.answers.set('GET /cameras', { body: 'no list' });
    flow.inject('n', { req: request('GET', '/x') });
    const broken = await flow.next('n');
    assert.deepEqual([broken.statusCode, broken.payload.code], [500, 'internal.error']);
    assert.ok(!JSON.stringify(broken.payload).includes('undefined'));
    await flow.stop();
  });

  it('says on the screen that there is no such operation', async () => {
    const flow = await playFlow(node('compucyto-backend', 'fly'), { host: new FakeHost().host });
    await flow.statusIs('n', /no operation fly of compucyto-backend/);
    await flow.stop();
  });
});
