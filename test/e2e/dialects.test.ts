import assert from 'node:assert/strict';
import { TokenVerifier } from 'livekit-server-sdk';
import sharp from 'sharp';
import { LivekitStandIn } from '../support/livekit.ts';
import { freePorts } from '../support/ports.ts';
import { RelabCamera } from '../support/relab-camera.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { YoutubeStandIn } from '../support/youtube.ts';

/** What came back. */
interface Came {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each looked at where it is expected
  json: any;
  bytes: Buffer;
  headers: Headers;
}

const RELAB = '/plugins/rpi-cam/cameras';

/** One server for all of them: closed for RELab, opened for uuplastination; the other systems' tables are in camera-services. */
describe('clients of the seed systems at the server', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let youtube: YoutubeStandIn;
  let livekit: LivekitStandIn;
  let token = '';

  before(async () => {
    youtube = await new YoutubeStandIn().start();
    livekit = await new LivekitStandIn().start();
    server = await ServerUnderTest.start({
      LIVEKIT_HOST: livekit.url,
      LIVEKIT_API_KEY: livekit.apiKey,
      LIVEKIT_API_SECRET: livekit.apiSecret,
      YOUTUBE_CLIENT_ID: 'stand-in',
      YOUTUBE_CLIENT_SECRET: 'planted-youtube-client-secret',
      YOUTUBE_API_URL: youtube.url,
      CAMERA_URL_ALLOW: '127.0.0.0/8',
      OPEN_DIALECTS: 'uuplastination',
      DIALECT_CAMERA: 'bench',
      SERVICE_TIMEOUT: '1000',
    });
    await server.api.post('/cameras', { id: 'bench', name: 'Bench', url: 'sim:gradient?width=640&height=480&fps=10' });
    token = await server.api.token();
  });

  after(async () => {
    await server?.end();
    await youtube?.stop();
    await livekit?.stop();
  });

  async function ask(
    method: string,
    path: string,
    options: { body?: unknown; bearer?: string | null } = {},
  ): Promise<Came> {
    const { body, bearer = token } = options;
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json');
    const json = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    return { status: response.status, json, bytes, headers: response.headers };
  }
  const plain = (method: string, path: string) => ask(method, path, { bearer: null });

  describe('S0: the web page of RELab, an arrow of its diagram at a time', () => {
    let pi: RelabCamera;
    let camera = '';
    let product = 0;

    after(async () => {
      await pi?.stop();
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
      const manifest = await ask('GET', `${preview}/hls/master.m3u8`);
      assert.equal(manifest.status, 307);
      const playlist = await fetch(server.url + (manifest.headers.get('location') ?? ''));
      assert.match(await playlist.text(), /^#EXTM3U/);
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
      assert.equal(
        (await ask('POST', '/plugins/rpi-cam/pairing/register', { body: {} })).json.code,
        'dialect.left_out',
      );
      assert.equal((await ask('DELETE', `${RELAB}/${camera}`)).status, 204);
      assert.equal((await ask('GET', `${RELAB}/${camera}`)).status, 404);
      assert.equal((await plain('GET', RELAB)).status, 401);
    });
  });

  describe('S1: the dashboard of uuplastination, opened', () => {
    it('asks for camera, machine and rooms, also below /secure', async () => {
      const { status, json } = await plain('GET', '/secure/camera/status');
      assert.equal(status, 200);
      assert.deepEqual(
        [json.camera_num, json.resolution, json.available, json.publisher.status],
        [0, '640x480', true, 'missing'],
      );
      assert.deepEqual([typeof json.running, typeof json.framerate, json.stream], ['boolean', 'number', null]);
      const [nobody = 0] = await freePorts(1);
      const { id } = await server.api.post<{ id: string }>('/cameras/bench/streams', {
        type: 'rtmp',
        url: `rtmp://127.0.0.1:${nobody}/live`,
        key: 'planted-key-of-a-push',
      });
      await until('the dashboard hears that nobody takes it', async () => {
        const { publisher } = (await plain('GET', '/camera/status')).json;
        return publisher.status === 'error' && publisher.detail.startsWith(`${id}: `);
      });
      assert.equal((await ask('DELETE', `/api/v1/streams/${id}`)).status, 204);
      assert.equal((await plain('GET', '/camera/status')).json.publisher.status, 'missing');
      assert.deepEqual((await plain('POST', '/camera/start')).json, { status: 'started' });
      const ending = new AbortController();
      const stream = await fetch(`${server.url}/camera/stream.mjpg`, { signal: ending.signal });
      assert.equal(stream.headers.get('content-type'), 'multipart/x-mixed-replace; boundary=FRAME');
      assert.equal(stream.headers.get('x-accel-buffering'), 'no');
      ending.abort();
      assert.deepEqual((await plain('POST', '/camera/stop')).json, { status: 'stopped' });
      const snapshot = await plain('GET', '/camera/snapshot');
      assert.equal((await sharp(snapshot.bytes).metadata()).format, 'jpeg');
      const stats = (await plain('GET', '/api/stats')).json;
      assert.deepEqual(Object.keys(stats).sort(), [
        'cpu',
        'memory',
        'network',
        'os',
        'ports',
        'services',
        'timestamp',
        'uptime_seconds',
      ]);
      const metrics = (await plain('GET', '/api/system/metrics')).json;
      assert.match(metrics.uptime, /^\d+d \d+h \d+m$/);
      assert.ok(metrics.memoryTotal > metrics.memoryUsage);
      assert.equal((await plain('GET', '/api/metrics')).status, 404);
    });

    it('gives tokens to watch, tokens to publish to devices only, and ingress keys to administrators only', async () => {
      const config = await plain('GET', '/webrtc/config');
      assert.deepEqual(
        [config.status, config.json.host, config.json.disabled],
        [200, livekit.url.replace('http', 'ws'), false],
      );
      const verifier = new TokenVerifier(livekit.apiKey, livekit.apiSecret);
      const videoOf = async ({ json }: Came) => (await verifier.verify(json.token)).video;
      const watching = await plain('GET', '/secure/webrtc/token?room=plastination');
      assert.match(watching.json.identity, /^web-[0-9a-f]{8}$/);
      const viewer = await videoOf(watching);
      assert.deepEqual([viewer?.room, viewer?.canSubscribe, viewer?.canPublish], ['plastination', true, false]);
      const publisher = '/webrtc/token?room=plastination&role=publisher';
      // Open to everybody, yet not this; an administrator's login is no device either.
      assert.deepEqual([(await plain('GET', publisher)).status, (await ask('GET', publisher)).status], [403, 403]);
      const { api_key } = await server.api.post<{ api_key: string }>('/devices', { id: 'pi-of-livekit', name: 'Pi' });
      const byKey = (key: string) => fetch(server.url + publisher, { headers: { 'X-API-Key': key } });
      const given = await byKey(api_key);
      const made = (await given.json()) as { token: string; identity: string };
      const publishing = (await verifier.verify(made.token)).video;
      assert.deepEqual(
        [made.identity, publishing?.canPublish, publishing?.canSubscribe],
        ['device-pi-of-livekit', true, false],
      );
      assert.equal((await byKey('wrong')).status, 401);
      const create = '/webrtc/ingress/create?room=plastination&name=pi-cam';
      assert.equal((await plain('POST', create)).status, 403);
      const ingress = await ask('POST', create);
      const [known] = livekit.ingresses.values();
      assert.deepEqual(ingress.json, {
        rtmp_url: livekit.rtmpBase,
        stream_key: known?.streamKey,
        room: 'plastination',
        ingress_id: known?.ingressId,
      });
      assert.deepEqual((await ask('POST', create)).json, ingress.json, 'not another one');
      livekit.hasRedis = false;
      const { json: health } = await plain('GET', '/webrtc/diagnostics');
      assert.deepEqual([health.reachability, health.token_issuance, health.sample_token_prefix], ['ok', true, null]);
      assert.match(health.recommendations.join(), /no Redis/);
    });

    it('moves the motor as its tables say', async () => {
      const motor = async (method: string, path: string) => {
        const { status, json } = await plain(method, `/api/stepper/${path}`);
        return [status, json];
      };
      assert.deepEqual(await motor('GET', 'healthz'), [200, { status: 'ok' }]);
      const [, status] = (await motor('GET', 'status')) as [number, Record<string, unknown>];
      assert.deepEqual(
        [status.enabled, status.moving, status.steps_per_rev, status.default_rpm],
        [false, false, 200, 60],
      );
      // The node lets five commands pass a second, and says so to more.
      const late = (method: string, path: string) =>
        until('the motor takes a command', async () => {
          const answer = await motor(method, path);
          return answer[0] !== 429 && answer;
        });
      assert.equal((await late('POST', 'step?steps=10'))[0], 409);
      assert.deepEqual(await late('POST', 'enable'), [200, { result: 'enabled' }]);
      assert.equal((await late('POST', 'step?steps=many'))[0], 422);
      assert.deepEqual(await late('POST', 'step?steps=400&rpm=60&direction=fwd'), [
        200,
        { result: 'moving', requested_steps: 400, rpm: 60 },
      ]);
      assert.equal((await late('POST', 'open'))[0], 409);
      assert.equal((await motor('POST', 'disable'))[0], 409);
      assert.deepEqual(await motor('POST', 'abort'), [200, { result: 'aborted' }]);
      assert.deepEqual(await motor('GET', 'valve/position'), [200, { position: 45 }]);
      assert.deepEqual(await late('POST', 'open'), [200, { result: 'moving-open', steps: 200 }]);
      assert.deepEqual(await motor('POST', 'abort'), [200, { result: 'aborted' }]);
      const valve = await until('the valve opens', async () => {
        const answer = await plain('POST', '/api/valve/open');
        return answer.status !== 429 && answer;
      });
      assert.deepEqual([valve.status, valve.json], [200, 'OK']);
    });
  });
});
