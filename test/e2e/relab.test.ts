import assert from 'node:assert/strict';
import sharp from 'sharp';
import { type DialectClient, dialectClient } from '../support/dialect-client.ts';
import { freePorts } from '../support/ports.ts';
import { RelabCamera } from '../support/relab-camera.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { YoutubeStandIn } from '../support/youtube.ts';

const RELAB = '/plugins/rpi-cam/cameras';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const PLAYLIST = /^application\/vnd\.apple\.mpegurl/;
/** `CameraRead`; registering and a new key add the key and the names of headers. */
const CAMERA_FIELDS = ['created_at', 'description', 'id', 'name', 'updated_at', 'url'];
const WITH_KEY = ['api_key', 'auth_headers', ...CAMERA_FIELDS];
const VIEW_FIELDS = ['metadata', 'mode', 'provider', 'started_at', 'url', 'youtube_config'];
const VIDEO_FIELDS = ['created_at', 'description', 'id', 'product_id', 'title', 'updated_at', 'url', 'video_metadata'];
const IMAGE_FIELDS = [
  'created_at',
  'description',
  'filename',
  'id',
  'image_metadata',
  'image_url',
  'parent_id',
  'parent_type',
  'updated_at',
];
const TELEMETRY_FIELDS = [
  'cpu_percent',
  'cpu_temp_c',
  'current_preview_size',
  'disk_percent',
  'mem_percent',
  'preview_fps',
  'preview_sessions',
  'thermal_state',
  'timestamp',
];

const fields = (value: object) => Object.keys(value).sort();

/**
 * Seed 000 §2.1, row by row and field by field: closed, with one drawn camera and two Pis, stand-ins of RELab's own camera API in dialects
 * A and B.
 */
describe('S0: the web page of RELab, an arrow of its diagram at a time', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let youtube: YoutubeStandIn;
  let client: DialectClient;
  const ask: DialectClient['ask'] = (...asked) => client.ask(...asked);
  const plain: DialectClient['plain'] = (...asked) => client.plain(...asked);

  before(async () => {
    youtube = await new YoutubeStandIn().start();
    server = await ServerUnderTest.start({
      YOUTUBE_CLIENT_ID: 'stand-in',
      YOUTUBE_CLIENT_SECRET: 'planted-youtube-client-secret',
      YOUTUBE_API_URL: youtube.url,
      CAMERA_URL_ALLOW: '127.0.0.0/8',
      SERVICE_TIMEOUT: '1000',
    });
    await server.api.post('/cameras', { id: 'bench', name: 'Bench', url: 'sim:gradient?width=640&height=480&fps=10' });
    client = await dialectClient(server);
  });

  let pi: RelabCamera;
  let piB: RelabCamera;
  /** their ids, and that of a product */
  let camera = '';
  let cameraB = '';
  let product = 0;

  after(async () => {
    await server?.end();
    await pi?.stop();
    await piB?.stop();
    await youtube?.stop();
  });

  /** What is wrong with a request: 422, in FastAPI's list. */
  async function refuses(method: string, path: string, bodies: [body: unknown, ...loc: string[]][]): Promise<void> {
    for (const [body, ...loc] of bodies) {
      const { status, json } = await ask(method, path, { body });
      assert.equal(status, 422, JSON.stringify(body));
      assert.deepEqual(fields(json), ['code', 'detail']);
      const [wrong] = json.detail;
      assert.deepEqual([fields(wrong), wrong.loc], [['loc', 'msg', 'type'], loc], JSON.stringify(body));
      assert.equal(typeof wrong.msg, 'string');
    }
  }

  const connectionOf = async (id: string) =>
    (await ask('GET', `${RELAB}/${id}/status?force_refresh=true`)).json.connection;

  it('User → Backend: register a camera; Backend → User: details and the key that Backend has made', async () => {
    const [port = 0, portB = 0] = await freePorts(2);
    const url = `http://127.0.0.1:${port}`;
    const { status, json } = await ask('POST', RELAB, { body: { name: 'Lab Pi', url } });
    assert.deepEqual([status, fields(json)], [201, WITH_KEY]);
    assert.match(json.api_key, /^CAM_[A-Za-z0-9_-]{43}$/);
    assert.deepEqual([json.name, json.description, json.auth_headers, json.url], ['Lab Pi', null, [], null]);
    for (const time of [json.created_at, json.updated_at]) assert.match(time, ISO);
    camera = json.id;
    assert.equal(await connectionOf(camera), 'offline');
    pi = await RelabCamera.open('A', json.api_key, port);

    const auth_headers = [{ key: 'X-Site', value: 'lab 3' }];
    const body = { name: 'Pi', description: 'on the bench', url: `http://127.0.0.1:${portB}`, auth_headers };
    const second = (await ask('POST', RELAB, { body })).json;
    assert.deepEqual([second.description, second.auth_headers], ['on the bench', auth_headers]);
    assert.notEqual(second.api_key, json.api_key);
    cameraB = second.id;
    piB = await RelabCamera.open('B', second.api_key, portB);

    const long = (count: number) => 'x'.repeat(count);
    const header = (key: string, value: string) => ({ name: 'Lab', url, auth_headers: [{ key, value }] });
    await refuses('POST', RELAB, [
      [{ url }, 'body', 'name'],
      [{ name: 'no address' }, 'body', 'url'],
      [{ name: 'x', url }, 'body', 'name'],
      [{ name: long(101), url }, 'body', 'name'],
      [{ name: 'Lab', url, description: long(501) }, 'body', 'description'],
      [{ name: 'bad', url: 'ftp://pi' }, 'body', 'url'],
      [{ name: 'bad', url: 'http://192.0.2.7' }, 'body', 'url'],
      [header('X-API-Key', 'x'), 'body', 'auth_headers'],
      [header('1st', 'x'), 'body', 'auth_headers'],
      [header(long(101), 'x'), 'body', 'auth_headers'],
      [header('X-Site', ''), 'body', 'auth_headers'],
      [header('X-Site', long(501)), 'body', 'auth_headers'],
      [header('X-Site', 'a\r\nX-Other: b'), 'body', 'auth_headers'],
      [
        { name: 'Lab', url, auth_headers: [...'abcdefgh'].map((key) => ({ key, value: long(450) })) },
        'body',
        'auth_headers',
      ],
    ]);
    const lists = await ask('GET', RELAB);
    assert.equal(lists.json.length, 3, 'nothing was made of what was refused');
  });

  it('Backend → Pi: how it is, asked at most every 15 s unless that is wished; the list with status and telemetry', async () => {
    const asked = () => pi.calls().filter((call) => call === 'GET /camera/status').length;
    const first = await ask('GET', `${RELAB}/${camera}/status?force_refresh=true`);
    assert.deepEqual([first.status, fields(first.json)], [200, ['connection', 'details', 'last_seen_at']]);
    assert.deepEqual([first.json.connection, first.json.details], ['online', { current_mode: null, stream: null }]);
    assert.ok(Math.abs(Date.parse(first.json.last_seen_at) - Date.now()) < 60_000, 'it has just answered');
    const before = asked();
    assert.equal((await ask('GET', `${RELAB}/${camera}/status`)).json.connection, 'online');
    assert.equal(asked(), before, 'from memory');
    await ask('GET', `${RELAB}/${camera}/status?force_refresh=true`);
    assert.equal(asked(), before + 1);
    assert.equal((await ask('GET', `${RELAB}/${camera}/status?force_refresh=perhaps`)).status, 422);

    for (const path of [RELAB, '/users/me/cameras']) {
      const { status, json } = await ask('GET', `${path}?include_status=true&include_telemetry=true`);
      const found = (id: string) => json.find((one: { id: string }) => one.id === id);
      assert.deepEqual([status, fields(found(camera))], [200, [...CAMERA_FIELDS, 'status', 'telemetry'].sort()]);
      assert.ok(!JSON.stringify(json).includes(pi.key), 'the key is shown once');
      assert.equal(found(camera).status.connection, 'online');
      assert.equal(found(camera).telemetry, null, 'dialect A tells nothing of its machine');
      assert.deepEqual(found(cameraB).telemetry, { ...piB.telemetry, timestamp: '2026-11-20T12:00:00.000Z' });
      assert.deepEqual(fields(found('bench').telemetry), TELEMETRY_FIELDS);
    }
    const one = await ask('GET', `${RELAB}/${cameraB}`);
    assert.deepEqual([one.status, fields(one.json), one.json.name], [200, CAMERA_FIELDS, 'Pi']);
    const whole = await ask('GET', `${RELAB}/${cameraB}?include_status=1&include_telemetry=yes`);
    assert.deepEqual([whole.json.status.connection, whole.json.telemetry.thermal_state], ['online', 'warm']);
    const names = async (query: string) =>
      (await ask('GET', `${RELAB}?${query}`)).json.map(({ name }: { name: string }) => name).sort();
    assert.deepEqual(await names('name=lab'), ['Lab Pi']);
    assert.deepEqual(await names('description=BENCH'), ['Pi']);
    assert.deepEqual(await names('search=bench'), ['Bench', 'Pi']);
    assert.deepEqual(await names('name=pi&description=none'), []);
    assert.equal((await ask('GET', `${RELAB}/nobody`)).status, 404);
    assert.equal((await ask('GET', `${RELAB}/nobody/status`)).status, 404);
  });

  it('says of a camera that is not online why: offline, unauthorized, forbidden, error; and when it was last seen', async () => {
    const key = pi.key;
    const trouble = async () => (await ask('GET', `${RELAB}/${camera}/status?force_refresh=true`)).json;
    const { last_seen_at: seen } = await trouble();
    pi.fault = 'locked';
    assert.deepEqual(await trouble(), { connection: 'unauthorized', last_seen_at: seen, details: null });
    pi.fault = 'none';
    pi.key = 'another';
    assert.deepEqual(await trouble(), { connection: 'forbidden', last_seen_at: seen, details: null });
    pi.key = key;
    pi.fault = 'garbled';
    assert.deepEqual(await trouble(), { connection: 'error', last_seen_at: seen, details: null });
    pi.fault = 'none';
    assert.equal((await trouble()).connection, 'online');
    assert.deepEqual((await ask('GET', `${RELAB}/bench/status`)).json.details, { current_mode: 'photo', stream: null });
  });

  it('Backend → Pi → Camera: opened for stills or video, and closed; the routes of the product say the same', async () => {
    const mode = async (id: string, path: string) => {
      const { status, json } = await ask('POST', `${RELAB}/${id}/${path}`);
      return [status, json];
    };
    const from = pi.asked.length;
    assert.deepEqual(await mode(camera, 'open?mode=video'), [200, { current_mode: 'video', stream: null }]);
    assert.deepEqual(await mode(camera, 'open'), [200, { current_mode: 'photo', stream: null }]);
    assert.deepEqual(await mode(camera, 'close'), [200, { current_mode: null, stream: null }]);
    const calls = pi.calls().slice(from);
    const changes = ['POST /camera/open?mode=video', 'POST /camera/open?mode=photo', 'POST /camera/close'];
    assert.deepEqual(
      calls.filter((call) => call.startsWith('POST')),
      changes,
    );
    // B wakes and rests by itself.
    assert.deepEqual(await mode(cameraB, 'open?mode=photo'), [200, { current_mode: null, stream: null }]);
    assert.deepEqual(await mode('bench', 'open?mode=video'), [200, { current_mode: 'video', stream: null }]);
    assert.equal((await mode(camera, 'open?mode=film'))[0], 422);
    assert.equal((await mode('nobody', 'open'))[0], 404);
    pi.fault = 'locked';
    assert.equal((await mode(camera, 'open'))[0], 401);
    pi.fault = 'none';

    const put = (id: string, body: unknown) => ask('PUT', `/api/v1/cameras/${id}/mode`, { body });
    const set = await put(camera, { mode: 'video' });
    assert.deepEqual(
      [set.status, set.json.remote.mode, set.json.remote.code, set.json.connected],
      [200, 'video', null, true],
    );
    assert.match(set.json.remote.last_seen, ISO);
    assert.equal((await put(camera, { mode: null })).json.remote.mode, null);
    assert.equal((await put('bench', { mode: 'photo' })).json.code, 'camera.not_supported');
    for (const wrong of [{}, { mode: 'film' }, { mode: 'photo', more: 1 }])
      assert.equal((await put(camera, wrong)).status, 400, JSON.stringify(wrong));
  });

  it('Backend → Pi: telemetry, two minutes old at most unless that is wished, and the way to it in its own network', async () => {
    const asked = () => piB.calls().filter((call) => call === 'GET /system/telemetry').length;
    const telemetry = (query = '') => ask('GET', `${RELAB}/${cameraB}/telemetry${query}`);
    const fresh = await telemetry('?force_refresh=true');
    assert.deepEqual([fresh.status, fields(fresh.json)], [200, TELEMETRY_FIELDS]);
    assert.deepEqual(fresh.json, { ...piB.telemetry, timestamp: '2026-11-20T12:00:00.000Z' });
    const before = asked();
    piB.telemetry.cpu_temp_c = 81;
    assert.equal((await telemetry()).json.cpu_temp_c, 61.5);
    assert.equal(asked(), before);
    assert.equal((await telemetry('?force_refresh=true')).json.cpu_temp_c, 81);
    assert.equal((await ask('GET', `/api/v1/cameras/${cameraB}/telemetry?fresh=true`)).json.cpu_temp_c, 81);
    assert.equal((await telemetry('?force_refresh=perhaps')).status, 422);
    const own = await ask('GET', `${RELAB}/bench/telemetry`);
    assert.deepEqual([own.status, fields(own.json), own.json.cpu_temp_c], [200, TELEMETRY_FIELDS, null]);
    const lacking = await ask('GET', `${RELAB}/${camera}/telemetry`);
    assert.deepEqual([lacking.status, lacking.json.code], [503, 'camera.not_supported']);

    const access = await ask('GET', `${RELAB}/${cameraB}/local-access`);
    assert.equal(access.status, 200);
    const candidate_urls = [`http://127.0.0.1:${piB.port}`];
    assert.deepEqual(access.json, {
      local_api_key: 'planted-local-key-of-a-pi',
      candidate_urls,
      mdns_name: 'pi.local',
    });
    assert.equal(access.headers.get('cache-control'), 'no-store');
    for (const id of [camera, 'bench']) assert.equal((await ask('GET', `${RELAB}/${id}/local-access`)).status, 503, id);
    piB.fault = 'locked';
    assert.equal((await ask('GET', `${RELAB}/${cameraB}/local-access`)).status, 401);
    assert.equal((await telemetry('?force_refresh=true')).status, 401);
    piB.fault = 'none';
  });

  it('User → Backend → Pi → Camera: capture with the key; Pi → Backend: data and metadata', async () => {
    product = (await server.api.post<{ id: number }>('/products', { name: 'Drill' })).id;
    const from = pi.asked.length;
    const { status, json } = await ask('POST', `${RELAB}/${camera}/image`, {
      body: { product_id: product, description: 'front' },
    });
    assert.deepEqual([status, fields(json)], [201, IMAGE_FIELDS]);
    assert.deepEqual([json.parent_id, json.parent_type, json.description], [product, 'product', 'front']);
    assert.match(json.filename, /^capture_\d{8}_\d{6}_\d{3}\.jpg$/);
    for (const time of [json.created_at, json.updated_at]) assert.match(time, ISO);
    assert.deepEqual(pi.calls().slice(from).slice(-2), ['POST /images', 'GET /images/id']);
    assert.ok(pi.asked.slice(from).every(({ key }) => key === pi.key && key.startsWith('CAM_')));
    // What the Pi said of its picture goes to the User, and stays.
    assert.deepEqual(json.image_metadata, {
      image_properties: { width: 640, height: 480, capture_time: '2026-11-20T12:00:00Z' },
      camera_properties: {
        camera_model: 'imx708',
        unit_cell_size: [1400, 1400],
        pixel_array_size: [4608, 2592],
        sensor_sensitivity: 1,
      },
      capture_metadata: {
        exposure_time: 12_500,
        frame_duration: 33_333,
        color_temperature: 4200,
        analogue_gain: 2.5,
        digital_gain: 1.1,
        lux: 300,
        sensor_temperature: 41.5,
      },
    });
    // Backend → Database, Backend → User
    const { items } = await server.api.get<{ items: { id: number; metadata: { camera: object } }[] }>(
      `/products/${product}/images`,
    );
    assert.deepEqual(
      items.map(({ id }) => id),
      [json.id],
    );
    const { capture_metadata, camera_properties } = json.image_metadata;
    assert.deepEqual(items[0]?.metadata.camera, { camera_properties, capture_metadata });
    const address = new URL(json.image_url);
    assert.equal(address.origin, server.url);
    const picture = await server.api.picture(address.pathname);
    assert.equal((await sharp(picture).metadata()).width, 640);
    await refuses('POST', `${RELAB}/${camera}/image`, [
      [{}, 'body', 'product_id'],
      [{ product_id: 0 }, 'body', 'product_id'],
      [{ product_id: 1.5 }, 'body', 'product_id'],
      [{ product_id: product, description: 'x'.repeat(501) }, 'body', 'description'],
    ]);
    assert.equal((await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: 9999 } })).status, 404);
    assert.equal((await ask('POST', `${RELAB}/nobody/image`, { body: { product_id: product } })).status, 404);

    const ofB = await ask('POST', `${RELAB}/${cameraB}/image`, { body: { product_id: product } });
    assert.deepEqual([ofB.status, ofB.json.description], [201, null]);
    assert.deepEqual(ofB.json.image_metadata, json.image_metadata, 'by whatever names it says them');
    const capture = piB.asked.find(({ path }) => path === '/captures');
    assert.deepEqual([capture?.key, capture?.headers['x-site']], [piB.key, 'lab 3']);
    const drawn = await ask('POST', `${RELAB}/bench/image`, { body: { product_id: product } });
    assert.deepEqual([drawn.status, drawn.json.image_metadata.camera_properties], [201, { camera_model: 'sim' }]);
  });

  it('what the camera does wrong has the status of the platform, and the next capture works', async () => {
    const capture = async () => {
      const { status, json } = await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: product } });
      return [status, json.code];
    };
    pi.fault = 'no jpeg';
    assert.deepEqual(await capture(), [424, 'camera.bad_answer']);
    pi.fault = 'garbled';
    assert.deepEqual(await capture(), [424, 'camera.bad_answer']);
    pi.fault = 'hanging';
    assert.deepEqual(await capture(), [503, 'camera.unreachable']);
    pi.fault = 'failing';
    assert.deepEqual(await capture(), [503, 'camera.no_picture']);
    pi.fault = 'locked';
    assert.deepEqual(await capture(), [401, 'camera.key_missing']);
    pi.fault = 'streaming';
    assert.deepEqual(await capture(), [409, 'camera.busy']);
    pi.fault = 'none';
    assert.equal((await capture())[0], 201);
  });

  it('User → Backend: preview; Backend → User: where to watch; stop ends it', async () => {
    const preview = `${RELAB}/bench/stream/preview`;
    assert.equal((await ask('GET', `${RELAB}/bench/stream/status`)).status, 404);
    const { status, json } = await ask('POST', `${preview}/start`);
    assert.deepEqual([status, fields(json), json.mode, json.youtube_config], [201, VIEW_FIELDS, 'local', null]);
    assert.equal(json.url, `${server.url}${preview}/watch`);
    assert.ok(Date.parse(json.started_at) <= Date.now());
    const watch = await ask('GET', `${preview}/watch`);
    assert.deepEqual([watch.status, watch.headers.get('location')], [307, '/live/bench']);
    assert.equal((await ask('POST', `${preview}/start`)).status, 409);
    assert.deepEqual(fields((await ask('GET', `${RELAB}/bench/stream/status`)).json), VIEW_FIELDS);
    const { details } = (await ask('GET', `${RELAB}/bench/status`)).json;
    assert.deepEqual([details.current_mode, details.stream.url], ['video', json.url]);
    const listed = (await ask('GET', `${RELAB}?include_status=true`)).json.find(
      ({ id }: { id: string }) => id === 'bench',
    );
    assert.equal(listed.status.details.stream.url, json.url);
    assert.equal((await ask('POST', `${RELAB}/bench/close`)).status, 409);
    for (const [folder, first] of [
      [`${preview}/hls`, 'master.m3u8'],
      [`${RELAB}/bench/hls`, 'cam-preview/index.m3u8'],
    ] as const) {
      const index = await ask('GET', `${folder}/${first}`);
      assert.equal(index.status, 200);
      assert.match(index.headers.get('content-type') ?? '', PLAYLIST);
      const [name = ''] = index.bytes
        .toString()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      const below = `${folder}/${first}`.replace(/[^/]+$/, '');
      const media = await ask('GET', below + name);
      assert.deepEqual([media.status, media.headers.get('cache-control')], [200, 'no-cache']);
      const [, init = ''] = /#EXT-X-MAP:URI="([^"]+)"/.exec(media.bytes.toString()) ?? [];
      const piece = await ask('GET', below + init);
      assert.deepEqual(
        [piece.status, piece.headers.get('content-type'), piece.headers.get('cache-control')],
        [200, 'video/mp4', 'private, max-age=7200'],
      );
      assert.equal((await ask('GET', `${below}seg-00-1.mp4`)).status, 404);
      assert.equal((await plain('GET', below + init)).status, 401);
    }
    const stopped = await ask('DELETE', `${preview}/stop`);
    assert.deepEqual([stopped.status, stopped.bytes.length], [204, 0]);
    assert.equal((await ask('DELETE', `${preview}/stop`)).status, 404);
  });

  it('Backend → Pi: starts its HLS; Pi → Backend: what streams; User → Pi: the HLS itself, also through Backend', async () => {
    for (const [id, one, type] of [
      [camera, pi, 'video/mp2t'],
      [cameraB, piB, 'video/mp4'],
    ] as const) {
      const preview = `${RELAB}/${id}/stream/preview`;
      const from = one.asked.length;
      const { status, json } = await ask('POST', `${preview}/start`);
      assert.deepEqual([status, fields(json)], [201, VIEW_FIELDS]);
      assert.deepEqual(
        [json.mode, json.provider, json.youtube_config, json.url],
        ['local', null, null, `${server.url}${preview}/watch`],
      );
      assert.ok(Date.parse(json.started_at) <= Date.now());
      assert.ok(one.streams.local, 'the camera streams');
      const begin = one === pi ? 'POST /stream/start?mode=local' : 'POST /preview/start';
      assert.ok(one.calls().slice(from).includes(begin));
      const page = await ask('GET', `${preview}/watch`);
      assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
      assert.match(page.bytes.toString(), /<video src="hls\/master\.m3u8"/);

      one.streams.sleepy = one === piB ? 2 : 0;
      // Either platform's first playlist is found at either Pi.
      for (const [folder, first] of [
        [`${preview}/hls/`, 'master.m3u8'],
        [`${RELAB}/${id}/hls/`, 'cam-preview/index.m3u8'],
      ] as const) {
        const index = await ask('GET', folder + first);
        assert.deepEqual([index.status, index.headers.get('cache-control')], [200, 'no-cache'], folder);
        assert.match(index.headers.get('content-type') ?? '', PLAYLIST);
        const piece = index.bytes.toString().trim().split('\n').at(-1) ?? '';
        const bytes = await ask('GET', (folder + first).replace(/[^/]+$/, piece));
        assert.deepEqual(
          [bytes.status, bytes.headers.get('content-type'), bytes.headers.get('cache-control')],
          [200, type, 'private, max-age=7200'],
        );
        const direct = one === pi ? `/stream/hls/${piece}` : `/preview/hls/cam-preview/${piece}`;
        const own = await fetch(`http://127.0.0.1:${one.port}${direct}`, { headers: { 'X-API-Key': one.key } });
        assert.deepEqual(Buffer.from(await own.arrayBuffer()), bytes.bytes, 'the Pi gives the same to whoever asks it');
        for (const none of ['gone.ts', 'notes.txt', '..%2f..%2fimages', 'a/b/c.ts'])
          assert.equal((await ask('GET', folder + none)).status, 404, none);
        assert.equal((await plain('GET', folder + first)).status, 401);
      }
      if (one === pi) {
        // One stream at a time there; what the Pi says is what counts.
        assert.equal((await ask('POST', `${preview}/start`)).status, 409);
        const told = await ask('GET', `${RELAB}/${id}/stream/status`);
        assert.deepEqual([told.status, told.json.mode, told.json.url], [200, 'local', json.url]);
        assert.equal(told.json.metadata.camera_properties.camera_model, 'imx708');
        assert.equal((await ask('POST', `${RELAB}/${id}/close`)).status, 409);
        assert.equal((await ask('POST', `${RELAB}/${id}/image`, { body: { product_id: product } })).status, 503);
      }
      assert.equal((await ask('DELETE', one === pi ? `${RELAB}/${id}/stream/stop` : `${preview}/stop`)).status, 204);
      assert.equal(one.streams.local, undefined, 'the camera is stopped');
      if (one === pi) assert.equal((await ask('DELETE', `${preview}/stop`)).status, 404);
    }
    for (const [method, path] of [
      ['POST', 'preview'],
      ['DELETE', 'preview'],
      ['GET', 'preview?file=index.m3u8'],
    ] as const) {
      const none = await ask(method, `/api/v1/cameras/bench/${path}`);
      assert.deepEqual([none.status, none.json.code], [501, 'camera.not_supported'], path);
    }
    assert.equal((await ask('GET', `/api/v1/cameras/${camera}/preview?file=../camera/status`)).status, 400);
  });

  it('the key is made anew and shown once; the camera gets another address and other headers, and keeps its key', async () => {
    const capture = async () =>
      (await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: product } })).status;
    const made = await ask('POST', `${RELAB}/${camera}/regenerate-api-key`);
    assert.deepEqual([made.status, fields(made.json)], [201, WITH_KEY]);
    assert.match(made.json.api_key, /^CAM_[A-Za-z0-9_-]{32,}$/);
    assert.deepEqual([made.json.id, made.json.name, made.json.auth_headers], [camera, 'Lab Pi', []]);
    assert.notEqual(made.json.api_key, pi.key);
    assert.equal(await capture(), 403, 'the camera does not know it yet');
    assert.equal(await connectionOf(camera), 'forbidden');
    pi.key = made.json.api_key;
    assert.equal(await capture(), 201);

    const moved = await RelabCamera.open('A', pi.key);
    await pi.stop();
    pi = moved;
    const patch = (body: object) => ask('PATCH', `${RELAB}/${camera}`, { body });
    const url = `http://127.0.0.1:${moved.port}`;
    const auth_headers = [{ key: 'X-Site', value: 'lab 3' }];
    const { status, json } = await patch({ name: 'Lab Pi 2', description: 'moved', url, auth_headers });
    assert.deepEqual([status, fields(json)], [200, CAMERA_FIELDS]);
    assert.deepEqual([json.id, json.name, json.description, json.url], [camera, 'Lab Pi 2', 'moved', null]);
    assert.equal((await patch({})).json.name, 'Lab Pi 2');
    assert.equal((await patch({ description: null })).json.description, null);
    assert.equal(await capture(), 201);
    assert.deepEqual([moved.asked.at(-1)?.key, moved.asked.at(-1)?.headers['x-site']], [pi.key, 'lab 3']);
    const again = await ask('POST', `${RELAB}/${camera}/regenerate-api-key`);
    assert.deepEqual(again.json.auth_headers, [{ key: 'X-Site', value: null }]);
    pi.key = again.json.api_key;
    await refuses('PATCH', `${RELAB}/${camera}`, [
      [{ url: 'ftp://pi' }, 'body', 'url'],
      [{ auth_headers: [{ key: 'X-API-Key', value: 'x' }] }, 'body', 'auth_headers'],
      [{ name: 'x' }, 'body', 'name'],
    ]);
    assert.equal((await ask('POST', `${RELAB}/nobody/regenerate-api-key`)).status, 404);
    assert.equal((await ask('PATCH', `${RELAB}/nobody`, { body: { name: 'None' } })).status, 404);
  });

  it('User → Backend → YouTube: record; the key goes to the stream only, a second start is the same, stop ends it', async () => {
    const record = `${RELAB}/bench/stream/record`;
    const body = { product_id: product, title: 'Drill', description: 'front', privacy_status: 'unlisted' };
    const begin = () => ask('POST', `${record}/start`, { body });
    const missing = await begin();
    assert.deepEqual([missing.status, missing.json.code], [403, 'stream.not_set_up'], 'no Google account');
    const { url: login } = await server.api.post<{ url: string }>('/youtube/connect', {});
    youtube.challenge = new URL(login).searchParams.get('code_challenge') ?? undefined;
    const state = new URL(login).searchParams.get('state');
    assert.equal((await ask('GET', `/api/v1/youtube/callback?state=${state}&code=good-code`)).status, 303);
    await refuses('POST', `${record}/start`, [
      [{}, 'body', 'product_id'],
      [{ product_id: 0 }, 'body', 'product_id'],
      [{ ...body, privacy_status: 'secret' }, 'body', 'privacy_status'],
      [{ ...body, title: '' }, 'body', 'title'],
      [{ ...body, title: 'x'.repeat(101) }, 'body', 'title'],
      [{ ...body, description: 'x'.repeat(501) }, 'body', 'description'],
    ]);
    assert.equal((await ask('POST', `${record}/start`, { body: { product_id: 9999 } })).status, 404);
    for (const none of [`${record}/monitor`, `${RELAB}/bench/stream/status`])
      assert.equal((await ask('GET', none)).status, 404, none);
    assert.equal((await ask('DELETE', `${record}/stop`)).status, 404);

    const { status, json } = await begin();
    // A's VideoRead and B's StreamView in one; `url` is the same in both.
    assert.deepEqual([status, fields(json)], [201, [...new Set([...VIDEO_FIELDS, ...VIEW_FIELDS])].sort()]);
    const [broadcast] = youtube.broadcasts.values();
    const [ingest] = youtube.streams.values();
    // S0.30, but for autoStop: a push that is away for a while must not end it.
    assert.deepEqual(broadcast?.asked.status, { privacyStatus: 'unlisted', selfDeclaredMadeForKids: false });
    assert.equal(ingest?.cdn.ingestionType, 'rtmp');
    const url = `https://youtube.com/watch?v=${broadcast?.id}`;
    assert.deepEqual([json.mode, json.provider, json.url, json.youtube_config], ['youtube', 'youtube', url, null]);
    assert.ok(Date.parse(json.started_at) <= Date.now());
    assert.equal(typeof json.metadata.state, 'string');
    // Backend → Database
    assert.deepEqual([json.title, json.description, json.product_id], ['Drill', 'front', product]);
    const { items } = await server.api.get<{ items: { id: number; url: string }[] }>('/videos?camera=bench');
    assert.deepEqual(
      items.map((video) => [video.id, video.url]),
      [[json.id, url]],
    );
    for (const time of [json.created_at, json.updated_at]) assert.match(time, ISO);
    assert.equal(typeof json.video_metadata, 'object');
    assert.ok(ingest && !JSON.stringify(json).includes(ingest.name), 'the stream key is not echoed');

    const second = await begin();
    assert.deepEqual([second.status, second.json.url, youtube.broadcasts.size], [201, url, 1]);
    const running = await ask('GET', `${RELAB}/bench/stream/status`);
    assert.deepEqual([running.status, fields(running.json), running.json.url], [200, VIEW_FIELDS, url]);
    assert.equal((await ask('GET', `${RELAB}/bench/status`)).json.details.stream.mode, 'youtube');
    assert.equal((await ask('POST', `${RELAB}/bench/close`)).status, 409);
    const monitor = await ask('GET', `${record}/monitor`);
    assert.deepEqual(
      [monitor.status, monitor.json],
      [200, { enableMonitorStream: false, broadcastStreamDelayMs: 0, embedHtml: null }],
    );

    youtube.active.add(ingest.id);
    const stopped = await ask('DELETE', `${record}/stop`);
    assert.deepEqual([stopped.status, fields(stopped.json)], [200, [...VIDEO_FIELDS, 'video_url'].sort()]);
    assert.deepEqual(
      [stopped.json.id, stopped.json.url, stopped.json.video_url, stopped.json.product_id],
      [json.id, url, url, product],
    );
    assert.equal(broadcast?.status, 'complete', 'YouTube was told');
    assert.equal((await ask('DELETE', `${record}/stop`)).status, 404);
    assert.deepEqual(await server.api.get('/cameras/bench/streams'), { items: [], next: null });
  });

  it('Backend → Pi: the YouTube config; Pi → YouTube by itself, as its dialect does; stop tells YouTube, then the Pi', async () => {
    for (const [id, one, type, call] of [
      [camera, pi, 'hls', 'POST /stream/start?mode=youtube'],
      [cameraB, piB, 'rtmp', 'POST /streams/youtube'],
    ] as const) {
      const record = `${RELAB}/${id}/stream/record`;
      const from = one.asked.length;
      const { status, json } = await ask('POST', `${record}/start`, { body: { product_id: product, title: 'Drill' } });
      assert.equal(status, 201);
      const broadcast = [...youtube.broadcasts.values()].at(-1);
      const ingest = [...youtube.streams.values()].at(-1);
      assert.ok(broadcast && ingest);
      assert.deepEqual(
        [ingest.cdn.ingestionType, broadcast.stream],
        [type, ingest.id],
        'made as this camera sends (S0.29)',
      );
      if (type === 'hls') assert.deepEqual([ingest.cdn.resolution, ingest.cdn.frameRate], ['720p', '30fps']);
      await until('the camera sends', () => one.streams.youtube !== undefined);
      assert.deepEqual(one.streams.youtube?.keys, { stream_key: ingest.name, broadcast_key: broadcast.id });
      assert.ok(one.calls().slice(from).includes(call));
      assert.ok(!JSON.stringify(json).includes(ingest.name), 'the stream key is not echoed');
      const { pushed_by } = await until('the record says who sends', async () => {
        const { items } = await server.api.get<{ items: { type: string; pushed_by: string | null }[] }>(
          `/cameras/${id}/streams`,
        );
        return items.find((stream) => stream.type === 'youtube' && stream.pushed_by !== null);
      });
      assert.equal(pushed_by, 'device', 'not this server');

      // What the Pi says of it holds its key in dialect A: it goes no further (§4.2).
      for (const path of [
        `${RELAB}/${id}/stream/status`,
        `${RELAB}/${id}/status?force_refresh=true`,
        `/api/v1/cameras/${id}/status?fresh=true`,
      ]) {
        const shown = await ask('GET', path);
        assert.equal(shown.status, 200, path);
        assert.ok(shown.bytes.includes(broadcast.id) && !shown.bytes.includes(ingest.name), path);
      }
      assert.equal((await ask('POST', `${RELAB}/${id}/close`)).status, 409);
      const busy = one === pi ? 503 : 409;
      assert.equal((await ask('POST', `${RELAB}/${id}/image`, { body: { product_id: product } })).status, busy);

      youtube.active.add(ingest.id);
      let atYoutube = '';
      one.onAsked = ({ method }) => {
        if (method === 'DELETE') atYoutube = broadcast.status;
      };
      const stopped = await ask('DELETE', `${record}/stop`);
      assert.deepEqual([stopped.status, stopped.json.video_url], [200, json.url]);
      await until('the camera has stopped', () => one.streams.youtube === undefined);
      assert.equal(atYoutube, 'complete', 'YouTube was told before the camera (S0.39)');
      const { items } = await server.api.get<{ items: { id: number; product_id: number }[] }>(`/videos?camera=${id}`);
      assert.deepEqual(
        items.map((video) => [video.id, video.product_id]),
        [[stopped.json.id, product]],
      );
    }
  });

  it('a Pi that is away, or streams something else, does not break a recording: it is told later, and that is said', async () => {
    const record = `${RELAB}/${camera}/stream/record`;
    youtube.active.clear();
    pi.fault = 'locked';
    const { status, json } = await ask('POST', `${record}/start`, { body: { product_id: product } });
    assert.equal(status, 201);
    const trouble = await until('the trouble is told', async () => {
      const shown = (await ask('GET', `${RELAB}/${camera}/stream/status`)).json;
      return shown.metadata.reason ? shown : undefined;
    });
    assert.equal(trouble.url, json.url);
    // The end is told to YouTube all the same, and the Pi that does not hear of it is a line in the log.
    assert.equal((await ask('DELETE', `${record}/stop`)).status, 200);
    await until('the log says so', () => server.program.lines.some((line) => line.includes('was not told to stop')));
    pi.fault = 'none';
    assert.equal(pi.streams.youtube, undefined);
    const { items } = await server.api.get<{ items: unknown[] }>(`/videos?camera=${camera}`);
    assert.equal(items.length, 1, 'what was never live is no recording');
  });

  it('what YouTube refuses is said in words, and stream/stop ends recording and preview', async () => {
    youtube.active.clear();
    youtube.failing.set('POST liveBroadcasts', { status: 403, reason: 'liveStreamingNotEnabled' });
    const begin = () => ask('POST', `${RELAB}/bench/stream/record/start`, { body: { product_id: product } });
    const refused = await begin();
    assert.deepEqual([refused.status, refused.json.code], [503, 'youtube.failed']);
    assert.match(refused.json.detail, /not enabled/);
    assert.equal((await begin()).status, 201);
    assert.equal((await ask('POST', `${RELAB}/bench/stream/preview/start`)).status, 201);
    assert.equal((await ask('DELETE', `${RELAB}/bench/stream/stop`)).status, 204);
    assert.equal((await ask('DELETE', `${RELAB}/bench/stream/stop`)).status, 404);
    const { items } = await server.api.get<{ items: unknown[] }>('/videos?camera=bench');
    assert.equal(items.length, 1, 'what was never live is no recording');
  });

  it("keeps everybody to their own cameras, and nobody's without a login", async () => {
    const password = 'a viewer of one bench';
    await server.api.post('/users', {
      name: 'vera',
      role: 'viewer',
      cameras: ['bench'],
      password,
      must_change_password: false,
    });
    const login = await ask('POST', '/api/v1/auth/login', { bearer: null, body: { email: 'vera', password } });
    const bearer = login.json.access_token;
    const seen = await ask('GET', RELAB, { bearer });
    assert.deepEqual(
      seen.json.map(({ id }: { id: string }) => id),
      ['bench'],
    );
    for (const [method, path, status] of [
      ['GET', `/${camera}`, 403],
      ['GET', `/${camera}/status`, 403],
      ['GET', `/${camera}/hls/cam-preview/index.m3u8`, 403],
      ['GET', '/bench/status', 200],
      ['POST', '/bench/open', 403],
      ['POST', '/bench/image', 403],
      ['POST', '/bench/regenerate-api-key', 403],
      ['GET', `/${cameraB}/local-access`, 403],
      ['DELETE', '/bench', 403],
    ] as const) {
      const body = method === 'POST' ? { product_id: product } : undefined;
      assert.equal((await ask(method, RELAB + path, { bearer, body })).status, status, `${method} ${path}`);
    }
    assert.equal((await plain('GET', RELAB)).status, 401);
    assert.equal((await plain('POST', `${RELAB}/bench/image`)).status, 401);
  });

  it('pairing and uploads by device assertion say that they are left out; a camera is deleted', async () => {
    const form = new FormData();
    form.set('file', new Blob(['a picture'], { type: 'image/jpeg' }), 'capture.jpg');
    const uploads = ['image-upload', 'preview-thumbnail-upload'].map((name) => [
      'POST',
      `${RELAB}/${camera}/${name}`,
      form,
    ]);
    for (const [method, path, body] of [
      ['POST', '/plugins/rpi-cam/pairing/register', {}],
      ['GET', '/plugins/rpi-cam/pairing/poll?code=ABC123&fingerprint=12345678', undefined],
      ['POST', '/plugins/rpi-cam/pairing/claim', { code: 'ABC123', camera_name: 'Pi' }],
      ['DELETE', `${RELAB}/${camera}/self`, undefined],
      ...uploads,
    ] as [string, string, unknown][]) {
      const left = await ask(method, path, { body });
      assert.deepEqual(
        [left.status, left.json.code, typeof left.json.detail],
        [501, 'dialect.left_out', 'string'],
        path,
      );
    }
    const gone = await ask('DELETE', `${RELAB}/${camera}`);
    assert.deepEqual([gone.status, gone.bytes.length], [204, 0]);
    assert.equal((await ask('GET', `${RELAB}/${camera}`)).status, 404);
    assert.equal((await ask('DELETE', `${RELAB}/${camera}`)).status, 404);
  });
});
