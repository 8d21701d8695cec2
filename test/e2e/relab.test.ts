import assert from 'node:assert/strict';
import sharp from 'sharp';
import { type DialectClient, dialectClient } from '../support/dialect-client.ts';
import { freePorts } from '../support/ports.ts';
import { RelabCamera } from '../support/relab-camera.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { YoutubeStandIn } from '../support/youtube.ts';

const RELAB = '/plugins/rpi-cam/cameras';

/** Seed 000 §2.1: closed, with one drawn camera and a stand-in of the Pi's API. */
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
  let camera = '';
  let product = 0;

  after(async () => {
    await server?.end();
    await pi?.stop();
    await youtube?.stop();
  });

  it('User → Backend: register a camera; Backend → User: details and the key that Backend has made', async () => {
    const [port = 0] = await freePorts(1);
    const { status, json } = await ask('POST', RELAB, { body: { name: 'Lab Pi', url: `http://127.0.0.1:${port}` } });
    assert.equal(status, 201);
    assert.match(json.api_key, /^CAM_[A-Za-z0-9_-]{43}$/);
    assert.deepEqual([json.name, json.auth_headers, json.url], ['Lab Pi', [], null]);
    camera = json.id;
    pi = await RelabCamera.open('A', json.api_key, port);
    const listed = (await ask('GET', `${RELAB}?include_status=true`)).json.find(
      ({ id }: { id: string }) => id === camera,
    );
    assert.ok(!JSON.stringify(listed).includes(json.api_key), 'the key is shown once');
    assert.equal(typeof listed.status.connection, 'string');
    for (const body of [{ name: 'x', url: 'http://pi' }, { name: 'no address' }, { name: 'bad', url: 'ftp://pi' }]) {
      assert.equal((await ask('POST', RELAB, { body })).status, 422, JSON.stringify(body));
    }
  });

  it('User → Backend → Pi → Camera: capture with the key; Pi → Backend: data and metadata', async () => {
    product = (await server.api.post<{ id: number }>('/products', { name: 'Drill' })).id;
    const { status, json } = await ask('POST', `${RELAB}/${camera}/image`, {
      body: { product_id: product, description: 'front' },
    });
    assert.equal(status, 201);
    assert.deepEqual([json.parent_id, json.parent_type, json.description], [product, 'product', 'front']);
    assert.ok(pi.asked.some(({ path, key }) => path === '/images' && key?.startsWith('CAM_')));
    // Backend → Database, Backend → User
    const { items } = await server.api.get<{ items: { id: number; product_id: number; image: string }[] }>(
      `/products/${product}/images`,
    );
    assert.deepEqual(
      items.map(({ id }) => id),
      [json.id],
    );
    const picture = await server.api.picture(new URL(json.image_url).pathname);
    assert.equal((await sharp(picture).metadata()).width, 640);
    assert.equal((await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: 0 } })).status, 422);
    assert.equal((await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: 9999 } })).status, 404);
  });

  it('what the camera does wrong has the status of the platform, and the next capture works', async () => {
    const capture = async () => {
      const { status, json } = await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: product } });
      return [status, json.code];
    };
    pi.fault = 'no jpeg';
    assert.deepEqual(await capture(), [424, 'camera.bad_answer']);
    pi.fault = 'hanging';
    assert.deepEqual(await capture(), [503, 'camera.unreachable']);
    pi.fault = 'none';
    assert.equal((await capture())[0], 201);
  });

  it('User → Backend: preview; Backend → User: where to watch; stop ends it', async () => {
    const preview = `${RELAB}/bench/stream/preview`;
    assert.equal((await ask('GET', `${RELAB}/bench/stream/status`)).status, 404);
    const { status, json } = await ask('POST', `${preview}/start`);
    assert.deepEqual([status, json.mode, json.youtube_config], [201, 'local', null]);
    assert.equal((await ask('POST', `${preview}/start`)).status, 409);
    assert.equal((await ask('GET', `${RELAB}/bench/status`)).json.details.current_mode, 'video');
    for (const [folder, first] of [
      [`${preview}/hls`, 'master.m3u8'],
      [`${RELAB}/bench/hls`, 'cam-preview/index.m3u8'],
    ] as const) {
      const index = await ask('GET', `${folder}/${first}`);
      assert.deepEqual(
        [index.status, index.headers.get('content-type')],
        [200, 'application/vnd.apple.mpegurl; charset=utf-8'],
      );
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
    assert.equal((await ask('DELETE', `${preview}/stop`)).status, 204);
    assert.equal((await ask('DELETE', `${preview}/stop`)).status, 404);
  });

  it('the key is made anew and shown once; the camera gets another address and other headers, and keeps its key', async () => {
    const capture = async () =>
      (await ask('POST', `${RELAB}/${camera}/image`, { body: { product_id: product } })).status;
    const made = await ask('POST', `${RELAB}/${camera}/regenerate-api-key`);
    assert.equal(made.status, 201);
    assert.match(made.json.api_key, /^CAM_[A-Za-z0-9_-]{32,}$/);
    assert.deepEqual([made.json.id, made.json.name, made.json.auth_headers], [camera, 'Lab Pi', []]);
    assert.notEqual(made.json.api_key, pi.key);
    assert.equal(await capture(), 403, 'the camera does not know it yet');
    pi.key = made.json.api_key;
    assert.equal(await capture(), 201);

    const moved = await RelabCamera.open('A', pi.key);
    await pi.stop();
    pi = moved;
    const patch = (body: object) => ask('PATCH', `${RELAB}/${camera}`, { body });
    const url = `http://127.0.0.1:${moved.port}`;
    const auth_headers = [{ key: 'X-Site', value: 'lab 3' }];
    const { status, json } = await patch({ name: 'Lab Pi 2', url, auth_headers });
    assert.deepEqual([status, json.id, json.name, json.url], [200, camera, 'Lab Pi 2', null]);
    assert.equal(await capture(), 201);
    assert.deepEqual([moved.asked.at(-1)?.key, moved.asked.at(-1)?.headers['x-site']], [pi.key, 'lab 3']);
    const again = await ask('POST', `${RELAB}/${camera}/regenerate-api-key`);
    assert.deepEqual(again.json.auth_headers, [{ key: 'X-Site', value: null }]);
    pi.key = again.json.api_key;
    for (const body of [{ url: 'ftp://pi' }, { auth_headers: [{ key: 'X-API-Key', value: 'x' }] }, { name: 'x' }])
      assert.equal((await patch(body)).status, 422, JSON.stringify(body));
    assert.equal((await ask('POST', `${RELAB}/nobody/regenerate-api-key`)).status, 404);
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
    for (const wrong of [{}, { product_id: 0 }, { ...body, privacy_status: 'secret' }, { ...body, title: '' }])
      assert.equal((await ask('POST', `${record}/start`, { body: wrong })).status, 422, JSON.stringify(wrong));
    assert.equal((await ask('POST', `${record}/start`, { body: { product_id: 9999 } })).status, 404);
    for (const none of [`${record}/monitor`, `${RELAB}/bench/stream/status`])
      assert.equal((await ask('GET', none)).status, 404, none);
    assert.equal((await ask('DELETE', `${record}/stop`)).status, 404);

    const { status, json } = await begin();
    assert.equal(status, 201);
    const [broadcast] = youtube.broadcasts.values();
    const [ingest] = youtube.streams.values();
    const url = `https://youtube.com/watch?v=${broadcast?.id}`;
    // B's StreamView
    assert.deepEqual([json.mode, json.provider, json.url, json.youtube_config], ['youtube', 'youtube', url, null]);
    assert.ok(Date.parse(json.started_at) <= Date.now());
    assert.equal(typeof json.metadata.state, 'string');
    // A's VideoRead, and Backend → Database
    assert.deepEqual([json.title, json.description, json.product_id], ['Drill', 'front', product]);
    const { items } = await server.api.get<{ items: { id: number; url: string }[] }>('/videos?camera=bench');
    assert.deepEqual(
      items.map((video) => [video.id, video.url]),
      [[json.id, url]],
    );
    for (const field of ['video_metadata', 'created_at', 'updated_at']) assert.ok(json[field], field);
    assert.ok(ingest && !JSON.stringify(json).includes(ingest.name), 'the stream key is not echoed');

    const second = await begin();
    assert.deepEqual([second.status, second.json.url, youtube.broadcasts.size], [201, url, 1]);
    assert.equal((await ask('GET', `${RELAB}/bench/stream/status`)).json.url, url);
    assert.equal((await ask('GET', `${RELAB}/bench/status`)).json.details.stream.mode, 'youtube');
    assert.equal((await ask('POST', `${RELAB}/bench/close`)).status, 409);
    const monitor = await ask('GET', `${record}/monitor`);
    assert.deepEqual(
      [monitor.status, monitor.json],
      [200, { enableMonitorStream: false, broadcastStreamDelayMs: 0, embedHtml: null }],
    );

    youtube.active.add(ingest.id);
    const stopped = await ask('DELETE', `${record}/stop`);
    assert.deepEqual(
      [stopped.status, stopped.json.id, stopped.json.url, stopped.json.video_url, stopped.json.product_id],
      [200, json.id, url, url, product],
    );
    assert.equal(broadcast?.status, 'complete', 'YouTube was told');
    assert.equal((await ask('DELETE', `${record}/stop`)).status, 404);
    assert.deepEqual(await server.api.get('/cameras/bench/streams'), { items: [], next: null });
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

  it('pairing says that it is left out; a camera is deleted', async () => {
    assert.equal((await ask('POST', '/plugins/rpi-cam/pairing/register', { body: {} })).json.code, 'dialect.left_out');
    assert.equal((await ask('DELETE', `${RELAB}/${camera}`)).status, 204);
    assert.equal((await ask('GET', `${RELAB}/${camera}`)).status, 404);
    assert.equal((await plain('GET', RELAB)).status, 401);
  });
});
