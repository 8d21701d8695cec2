import assert from 'node:assert/strict';
import { FakeClock } from '../support/fake-clock.ts';
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
    { id: 'gate', state: 'live', created_at: '2026-01-01T00:00:00.000Z' },
    { id: 'porch', state: 'idle', created_at: '2026-02-01T00:00:00.000Z' },
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

  it('means the camera of the query, else DIALECT_CAMERA, else the oldest', async () => {
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
    const attic = { ...CAMERAS.items[0], id: 'attic', created_at: '2030-01-01T00:00:00.000Z' };
    fake.api.answers.set('GET /cameras', { body: { ...CAMERAS, items: [attic, ...CAMERAS.items] } });
    assert.equal(await asked({}), '/cameras/gate/settings', 'a camera that comes later takes nobody’s place');
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

  it('captures also where the row is not saved, and says so (S2.40)', async () => {
    const fake = new FakeHost();
    fake.api.dialectCamera = 'gate';
    const size = { width: 640, height: 480, size: 1234 };
    const image = { ...size, filename: 'capture_20261121_120000_000.jpg', exposure: 40, gain: 2, metadata: {} };
    const message = 'the picture is taken, but the database does not answer';
    const body = { code: 'image.unsaved', message, image: { ...image, captured_at: '2026-11-21T12:00:00.000Z' } };
    fake.api.answers.set('POST /cameras/gate/capture', { status: 503, body });
    const flow = await playFlow(node('compucyto-backend', 'capture'), { host: fake.host });
    flow.inject('n', { req: request('POST', '/capture'), payload: { exposure: 40 } });
    const { statusCode, payload } = await flow.next('n');
    assert.deepEqual(
      [statusCode, payload.success, payload.imageId, payload.databaseSaved, payload.warning],
      [201, true, null, false, message],
    );
    assert.deepEqual([payload.filename, payload.exposureTime, payload.fileSize], [image.filename, 40, 1234]);
    assert.deepEqual(fake.api.asked.length, 1, 'no list of cameras is asked for: the camera is named');
    await flow.stop();
  });

  it("lists events as seed 004's dashboard reads them, and serves their pictures and nothing else below /static", async () => {
    const fake = new FakeHost();
    const id = '01a1fe07-e281-743d-babd-e31a8a1bed0d';
    const url = `/api/v1/events/${id}/images/during.jpg`;
    const started_at = new Date(Date.now() - 150_000).toISOString();
    const event = { id, device: 'esp', type: 'interaction_detected', started_at, note: 'a hand', score: 0.4 };
    const items = [{ ...event, images: { during: url, pre: 'x' }, details: { captures: { start: 'c1' } } }];
    fake.api.answers.set('GET /events?limit=20', {
      body: { items: [...items, { ...event, images: {}, details: {} }] },
    });
    fake.api.answers.set('GET /captures/c1', { body: { width: 640, height: 480, captured_at: started_at } });
    fake.api.answers.set(`GET /events/${id}/images/during.jpg`, { body: Buffer.from('a picture') });
    const asked = async (operation: string, path: string) => {
      const flow = await playFlow(node('pivision', operation), { host: fake.host });
      flow.inject('n', { req: request('GET', path) });
      const came = await flow.next('n');
      await flow.stop();
      return came;
    };
    const { payload } = await asked('events', '/api/v1/admin/events');
    const common = {
      id,
      device_id: 'esp',
      event_type: event.type,
      event_ts: started_at,
      note: 'a hand',
      confidence: 0.4,
    };
    assert.deepEqual(payload, {
      ok: true,
      events: [
        {
          ...{ ...common, storage_uri: url, width: 640, height: 480, capture_ts: started_at },
          ...{ has_image: true, resolution: '640x480', age_minutes: 2 },
        },
        {
          ...{ ...common, storage_uri: null, width: null, height: null, capture_ts: started_at },
          ...{ has_image: false, resolution: null, age_minutes: 2 },
        },
      ],
    });
    const picture = await asked('static', `/static/${url}`);
    assert.deepEqual([picture.statusCode, String(picture.payload)], [200, 'a picture']);
    assert.equal(picture.headers['Content-Type'], 'image/jpeg');
    assert.equal((await asked('static', `/static${url}`)).statusCode, 200);
    for (const [path, status] of [
      ['/static/images/7/image.jpg', 404],
      ['/static/../tokens.key', 403],
      ['/static/events/..%2F..%2Ftokens.key', 403],
    ] as const)
      assert.equal((await asked('static', path)).statusCode, status, path);
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
    const { headers, statusCode } = await asked('relab-platform', 'preview-watch', { id: 'gate' });
    assert.deepEqual([statusCode, headers.Location], [307, '/redeye/live/gate']);
  });

  it("ends RELab's streams on a device after five hours, looking every minute (S0.28), and not one that was begun anew", async () => {
    const clock = new FakeClock();
    const fake = new FakeHost({ side: 'edge', clock });
    fake.api.answers.set('GET /cameras', { body: CAMERAS });
    const nodes = ['youtube-start', 'youtube-stop'].flatMap((operation) =>
      node('relab-device', operation).map((one) => ({ ...one, id: operation })),
    );
    const flow = await playFlow(nodes, { host: fake.host });
    const say = async (id: string) => {
      const payload = { stream_key: 'abcd', broadcast_key: 'xyz' };
      flow.inject(id, { req: request('POST', '/streams/youtube'), payload });
      return (await flow.next(id)).statusCode;
    };
    const isOn = () => fake.pushes.on.has('relab.youtube');
    assert.equal(await say('youtube-start'), 201);
    await clock.advance(3 * 3600_000);
    assert.equal(await say('youtube-stop'), 204);
    assert.equal(await say('youtube-start'), 201);
    await clock.advance(5 * 3600_000 - 60_000);
    assert.equal(isOn(), true);
    await clock.advance(120_000);
    assert.equal(isOn(), false);
    assert.equal(await say('youtube-stop'), 404);
    await flow.stop();
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
