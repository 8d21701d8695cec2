import assert from 'node:assert/strict';
import sharp from 'sharp';
import type { DeviceWithKey } from '../../runtime/contracts/api.ts';
import { CameraService, type ServiceFault } from '../support/camera-service.ts';
import { ADMIN_PASSWORD, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { WhepClient } from '../support/whep-client.ts';

/** What came back. */
interface Came {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each looked at where it is expected
  json: any;
  bytes: Buffer;
  headers: Headers;
}

const GONE = { statusCode: 503, message: 'Camera service unavailable', error: 'Service Unavailable' };
const AWAY = { statusCode: 503, message: 'Camera not connected', error: 'Service Unavailable' };
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Every row of the tables of seeds 002, 003 and 004 that the server answers (seed-contracts §2.3–§2.5), field by field. */
describe('the tables of seeds 002, 003 and 004 at the server', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let service: CameraService;
  let device: DeviceWithKey;
  let token = '';
  let viewer = '';

  before(async () => {
    service = await CameraService.open({ dialect: 'seed' });
    server = await ServerUnderTest.start({
      // Loopback lies outside of CAMERA_URL_ALLOW: what the environment names may be reached all the same.
      PYTHON_CAMERA_URL: service.url,
      SERVICE_TIMEOUT: '1000',
      OPEN_DIALECTS: 'pivision@lan',
    });
    token = await server.api.token();
    await server.api.post('/cameras', { id: 'bench', name: 'Bench', url: 'sim:gradient?width=640&height=480&fps=10' });
    device = await server.device('esp');
    const password = 'a viewer of pictures';
    await server.api.post('/users', { name: 'vera', role: 'viewer', password, must_change_password: false });
    const body = { email: 'vera', password };
    viewer = (await ask('POST', '/api/v1/auth/login', { bearer: null, body })).json.access_token;
  });

  after(async () => {
    await server?.end();
    await service?.stop();
  });

  async function ask(
    method: string,
    path: string,
    options: { body?: unknown; bearer?: string | null; headers?: Record<string, string> } = {},
  ): Promise<Came> {
    const { body, bearer = token } = options;
    const isText = typeof body === 'string' || body instanceof FormData;
    const response = await fetch(server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && !(body instanceof FormData) && { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json');
    const json = isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined;
    return { status: response.status, json, bytes, headers: response.headers };
  }
  const plain = (method: string, path: string, body?: unknown) =>
    ask(method, path, { bearer: null, ...(body !== undefined && { body }) });
  const keys = (value: object) => Object.keys(value).sort();
  const types = (value: Record<string, unknown>, names: string, type: string) => {
    for (const name of names.split(' ')) assert.equal(typeof value[name], type, name);
  };

  describe('S2: the backend of CompuCyto in front of its camera service', () => {
    const capture = (body: object = {}) => ask('POST', '/api/v1/camera/capture', { body });

    it('POST /auth/login, GET /auth/profile, POST /auth/register', async () => {
      const login = await plain('POST', '/api/v1/auth/login', { email: 'admin', password: ADMIN_PASSWORD });
      const { access_token, user } = login.json;
      assert.equal(login.status, 200);
      const payload = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url').toString());
      const head = JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url').toString());
      assert.deepEqual([head.alg, Number(payload.sub), payload.role], ['HS256', user.id, 'admin']);
      assert.ok('email' in payload && payload.exp > payload.iat);
      assert.deepEqual(
        [typeof user.id, user.email, user.username, user.role, user.fullName, user.labRole, user.preferences],
        ['number', null, 'admin', 'admin', null, null, {}],
      );
      const wrong = await plain('POST', '/api/v1/auth/login', { email: 'admin', password: 'not this one' });
      assert.deepEqual([wrong.status, wrong.json.statusCode, wrong.json.error], [401, 401, 'Unauthorized']);
      assert.equal((await plain('POST', '/api/v1/auth/login', { email: 'admin' })).status, 400);

      const profile = await ask('GET', '/api/v1/auth/profile');
      assert.equal(profile.status, 200);
      assert.deepEqual(keys(profile.json), ['email', 'fullName', 'id', 'labRole', 'preferences', 'role', 'username']);
      assert.equal((await plain('GET', '/api/v1/auth/profile')).status, 401);

      const ada = { email: 'ada@lab.example', username: 'ada', password: 'engines and looms' };
      const register = (body: object, bearer: string | null = token) =>
        ask('POST', '/api/v1/auth/register', { body, bearer });
      const made = await register(ada);
      assert.deepEqual(
        [made.status, typeof made.json.access_token, made.json.user.username, made.json.user.email],
        [201, 'string', 'ada', ada.email],
      );
      assert.equal((await ask('GET', '/api/v1/auth/profile', { bearer: made.json.access_token })).json.username, 'ada');
      assert.equal((await register(ada)).status, 409);
      for (const short of [{ username: 'ab' }, { password: '12345' }, { email: '' }, { username: 'x'.repeat(51) }]) {
        const refused = await register({ ...ada, ...short });
        assert.deepEqual([refused.status, refused.json.error], [400, 'Bad Request'], JSON.stringify(short));
      }
      assert.deepEqual([(await register(ada, null)).status, (await register(ada, viewer)).status], [401, 403]);
    });

    it('POST /camera/capture: both sets of fields, kept as an image of its user', async () => {
      assert.equal((await plain('POST', '/api/v1/camera/capture', {})).status, 401);
      const { status, json } = await capture({ exposure: 100, gain: 1.5, gamma: 1 });
      assert.equal(status, 201);
      const { width, height } = { width: 640, height: 480 };
      assert.match(json.filename, /^capture_\d{8}_\d{6}_\d{3}\.jpg$/);
      assert.equal(json.filepath, `./captures/${json.filename}`);
      assert.match(json.timestamp, ISO);
      assert.deepEqual(json.settings, { exposure: 100, gain: 1.5, resolution: { width, height } });
      assert.deepEqual(json.image_info, { size_bytes: json.fileSize, format: 'JPG' });
      assert.deepEqual(
        [json.success, json.capturedAt, json.exposureTime, json.gain, json.width, json.height],
        [true, json.timestamp, 100, 1.5, width, height],
      );
      const { format, quality, cameraConnected, simulatedMode } = json.metadata;
      assert.deepEqual([format, typeof quality, cameraConnected, simulatedMode], ['jpg', 'number', true, false]);
      assert.deepEqual([typeof json.imageId, json.databaseSaved, json.warning], ['number', true, null]);
      assert.deepEqual([service.exposure, service.gain], [100, 1], 'for this one picture only');
      for (const body of [{ exposure: -1 }, { gain: 'much' }]) {
        const wrong = await capture(body);
        assert.deepEqual([wrong.status, wrong.json.statusCode, wrong.json.error], [400, 400, 'Bad Request']);
      }
      assert.equal((await ask('POST', '/api/v1/camera/capture', { body: {}, bearer: viewer })).status, 403);
    });

    it('GET /images and /videos by page, DELETE /images/:id', async () => {
      const { imageId } = (await capture()).json;
      const { status, json } = await ask('GET', '/api/v1/images?filter=mine&page=1&limit=1');
      assert.equal(status, 200);
      const [image] = json.data;
      const { total } = json.pagination;
      assert.deepEqual(json.pagination, { total, page: 1, limit: 1, totalPages: total });
      assert.ok(total >= 2);
      assert.deepEqual([image.id, image.userId, image.user_id], [imageId, 1, 1]);
      types(image, 'filename filepath thumbnail_path capturedAt captured_at', 'string');
      types(image, 'exposureTime exposure_time gain fileSize file_size width height', 'number');
      types(image, 'metadata', 'object');
      for (const name of ['job_id', 'x_position', 'y_position', 'z_position', 'gamma'])
        assert.equal(image[name], null, name);
      assert.equal((await server.api.picture(image.thumbnail_path)).length, image.fileSize);
      const ofVera = await ask('GET', '/api/v1/images?filter=mine&page=1', { bearer: viewer });
      assert.equal(ofVera.json.pagination.total, 0);
      assert.equal(
        (await ask('GET', '/api/v1/images?filter=all&page=1', { bearer: viewer })).json.pagination.total,
        total,
      );
      assert.deepEqual((await ask('GET', '/api/v1/videos?page=1')).json, {
        data: [],
        pagination: { total: 0, page: 1, limit: 50, totalPages: 0 },
      });
      const remove = (bearer = token) => ask('DELETE', `/api/v1/images/${imageId}`, { bearer });
      assert.equal((await remove(viewer)).status, 403);
      const removed = await remove();
      assert.deepEqual([removed.status, keys(removed.json)], [200, ['imageId', 'message', 'success']]);
      assert.deepEqual([removed.json.success, removed.json.imageId], [true, imageId]);
      assert.equal((await remove()).status, 404);
    });

    it('GET PUT /camera/settings, GET /camera/preview, GET /health; what is left out is 501', async () => {
      const path = '/api/v1/camera/settings';
      const { status, json } = await ask('GET', path);
      assert.equal(status, 200);
      types(json, 'exposure exposureMin exposureMax gain gainMin gainMax gamma gammaMin gammaMax', 'number');
      types(json, 'gammaSupported autoExposure autoExposureSupported connected streaming', 'boolean');
      assert.deepEqual(json.resolution, { width: 640, height: 480 });
      assert.deepEqual(json.available_resolutions, [
        { width: 640, height: 480 },
        { width: 1280, height: 1024 },
        { width: 1920, height: 1080 },
      ]);
      const changed = await ask('PUT', path, { body: { exposure: 150, gain: 2 } });
      assert.deepEqual([changed.status, keys(changed.json)], [200, keys(json)]);
      assert.deepEqual([changed.json.exposure, changed.json.gain, service.exposure, service.gain], [150, 2, 150, 2]);
      const wrong = await ask('PUT', path, { body: { exposure: -1 } });
      assert.deepEqual([wrong.status, wrong.json.statusCode, wrong.json.error], [400, 400, 'Bad Request']);
      assert.deepEqual([(await plain('GET', path)).status, (await plain('PUT', path, {})).status], [401, 401]);

      const { streamUrl } = (await ask('GET', '/api/v1/camera/preview?camera=bench')).json;
      const ending = new AbortController();
      const stream = await fetch(streamUrl, { signal: ending.signal });
      assert.match(stream.headers.get('content-type') ?? '', /^multipart\/x-mixed-replace/);
      ending.abort();

      const health = await ask('GET', '/api/v1/health');
      assert.deepEqual([health.status, keys(health.json)], [200, ['checks', 'service', 'status', 'timestamp']]);
      assert.deepEqual([health.json.status, health.json.service], ['ok', 'camera']);
      assert.match(health.json.timestamp, ISO);
      assert.deepEqual(health.json.checks, { database: true, pythonCamera: true, raspberryPi: false });
      for (const left of ['settings/auto-exposure/once', 'video/start', 'video/stop']) {
        const { status: none, json: said } = await ask('POST', `/api/v1/camera/${left}`);
        assert.deepEqual([none, said.statusCode, said.error], [501, 501, 'Not Implemented'], left);
      }
    });

    it('S2.14, S2.15, S2.16: a service that is slow, crashes in mid-answer, lost its camera or lies about its JPEG', async () => {
      const faults: [ServiceFault, object | string][] = [
        ['hanging', { ...GONE, code: 'camera.unreachable' }],
        ['crashing', { ...GONE, code: 'camera.unreachable' }],
        ['disconnected', { ...AWAY, code: 'camera.no_picture' }],
        ['failing', 'camera.no_picture'],
        ['no jpeg', 'camera.bad_answer'],
        ['wrong size', 'camera.bad_answer'],
        ['cut off', 'camera.bad_answer'],
        ['strange name', 'camera.bad_answer'],
      ];
      for (const [fault, wanted] of faults) {
        service.fault = fault;
        const startedAt = performance.now();
        const { status, json } = await capture();
        assert.equal(status, 503, fault);
        assert.ok(performance.now() - startedAt > (fault === 'hanging' ? 990 : 0), fault);
        if (typeof wanted === 'object') assert.deepEqual(json, wanted, fault);
        else
          assert.deepEqual(
            [keys(json).length, json.statusCode, json.error, json.code],
            [4, 503, GONE.error, wanted],
            fault,
          );
        service.fault = 'none';
        assert.equal((await capture()).status, 201, `the next capture after: ${fault}`);
      }
      assert.equal((await plain('GET', '/readyz')).status, 200, 'the server is untouched');
    });

    it('S2.10, S2.14: a service that is gone, and is there again', async () => {
      await service.stop();
      const gone = { ...GONE, code: 'camera.unreachable' };
      assert.deepEqual((await capture()).json, gone);
      assert.deepEqual((await ask('PUT', '/api/v1/camera/settings', { body: { gain: 3 } })).json, gone);
      const health = async () => {
        const { status, json } = await ask('GET', '/api/v1/health');
        return [status, json.status, json.checks.pythonCamera];
      };
      assert.deepEqual(await health(), [200, 'error', false]);
      const known = await ask('GET', '/api/v1/camera/settings');
      if (known.status === 200) assert.equal(known.json.connected, false, 'from memory, and says so');
      else assert.deepEqual(known.json, gone);
      await service.start();
      assert.equal((await capture()).status, 201);
      assert.deepEqual(await health(), [200, 'ok', true]);
    });
  });

  describe('S3: clients of MediaMTX and webrtc-cam-suite', () => {
    const viewers: WhepClient[] = [];
    const SDP = { 'Content-Type': 'application/sdp' };
    after(() => {
      for (const one of viewers) one.close();
    });

    it('/{path}/whep: OPTIONS, POST, PATCH, DELETE with their headers and statuses', async () => {
      const whep = (method: string, options: Parameters<typeof ask>[2] = {}) => ask(method, '/bench/whep', options);
      const options = await whep('OPTIONS', { bearer: null });
      assert.deepEqual([options.status, options.headers.get('accept-post')], [204, 'application/sdp']);
      for (const method of ['GET', 'PUT']) assert.equal((await whep(method)).status, 405, method);
      const closed = await whep('POST', { bearer: null, headers: SDP, body: 'v=0' });
      assert.equal(closed.status, 401);
      assert.match(closed.headers.get('www-authenticate') ?? '', /^Basic realm="mediamtx"/);
      assert.deepEqual(keys(closed.json), ['code', 'error', 'status']);
      const wrongType = await whep('POST', { body: 'v=0', headers: { 'Content-Type': 'text/plain' } });
      assert.deepEqual([wrongType.status, wrongType.json.status], [400, 'error']);
      assert.equal((await ask('POST', '/nobody/whep', { body: 'v=0', headers: SDP })).status, 404);

      const client = new WhepClient();
      viewers.push(client);
      const Authorization = `Basic ${Buffer.from(`admin:${ADMIN_PASSWORD}`).toString('base64')}`;
      const opened = await whep('POST', {
        bearer: null,
        body: await client.offer(),
        headers: { ...SDP, Authorization },
      });
      assert.deepEqual([opened.status, opened.headers.get('content-type')], [201, 'application/sdp']);
      const location = opened.headers.get('location') ?? '';
      assert.match(location, /^\/bench\/whep\/[A-Za-z0-9_-]{20,}$/);
      assert.equal(opened.headers.get('accept-patch'), 'application/trickle-ice-sdpfrag');
      assert.ok(opened.headers.get('etag') && opened.headers.get('id'));
      const exposed = opened.headers.get('access-control-expose-headers') ?? '';
      for (const name of ['ETag', 'ID', 'Accept-Patch', 'Link', 'Location']) assert.ok(exposed.includes(name), name);
      client.take(opened.bytes.toString());
      await client.connected();

      const id = opened.headers.get('id') ?? '';
      const { items } = (await ask('GET', '/v3/webrtcsessions/list')).json;
      assert.deepEqual(
        items.map((item: { id: string }) => item.id),
        [id],
      );
      const session = await until('it plays', async () => {
        const { json } = await ask('GET', `/v3/webrtcsessions/get/${id}`);
        return json.peerConnectionEstablished && json.bytesSent > 0 && json;
      });
      assert.match(session.created, ISO);
      assert.deepEqual([session.state, session.path, session.query, session.user], ['read', 'bench', '', 'admin']);
      types(session, 'remoteAddr localCandidate remoteCandidate userAgent', 'string');
      types(session, 'bytesReceived bytesSent inboundBytes outboundBytes rtpPacketsLost rtpPacketsJitter', 'number');
      const path = (await ask('GET', '/v3/paths/get/bench')).json;
      assert.deepEqual(path.readers, [{ type: 'webRTCSession', id }]);
      assert.deepEqual(
        [path.ready, path.available, path.tracks, path.source.type],
        [true, true, ['H264'], 'simSource'],
      );
      assert.ok(path.bytesSent > 0);

      const trickle = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
      assert.equal((await ask('PATCH', location, { bearer: null, body: '', headers: SDP })).status, 400);
      const { ufrag, pwd } = client.ice;
      const fragment = `a=ice-ufrag:${ufrag}\r\na=ice-pwd:${pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n`;
      assert.equal((await ask('PATCH', location, { bearer: null, body: fragment, headers: trickle })).status, 204);
      assert.equal((await ask('GET', location, { bearer: null })).status, 405);
      assert.deepEqual((await ask('POST', `/v3/webrtcsessions/kick/${id}`)).json, { status: 'ok' });
      const kicked = await ask('DELETE', location, { bearer: null });
      assert.ok([404, 410].includes(kicked.status), `after the kick: ${kicked.status}`);
      const again = await whep('POST', { body: await client2().offer(), headers: SDP });
      const other = again.headers.get('location') ?? '';
      assert.equal((await ask('DELETE', other, { bearer: null })).status, 200);
      const unknown = await ask('DELETE', other, { bearer: null });
      assert.deepEqual([unknown.status, unknown.json.status], [404, 'error']);
    });
    const client2 = () => {
      const made = new WhepClient();
      viewers.push(made);
      return made;
    };

    it('/v3: paths, sessions, muxers and configuration read; names of v1.8 and v1.20; writing is 501', async () => {
      const refused = await plain('GET', '/v3/paths/list');
      assert.deepEqual(
        [refused.status, keys(refused.json), refused.json.status],
        [401, ['code', 'error', 'status'], 'error'],
      );
      assert.equal(refused.headers.get('www-authenticate'), 'Basic realm="mediamtx"');
      const list = (await ask('GET', '/v3/paths/list')).json;
      assert.deepEqual([list.itemCount, list.pageCount], [3, 1]);
      assert.deepEqual(keys(list.items[0]), [
        ...['available', 'availableTime', 'bytesReceived', 'bytesSent', 'confName', 'inboundBytes'],
        ...['inboundFramesInError', 'name', 'online', 'onlineTime', 'outboundBytes', 'readers', 'ready', 'readyTime'],
        ...['source', 'tracks', 'tracks2'],
      ]);
      const paged = (await ask('GET', '/v3/paths/list?itemsPerPage=1&page=1')).json;
      assert.deepEqual([paged.itemCount, paged.pageCount, paged.items.length], [3, 3, 1]);
      assert.notEqual(paged.items[0].name, list.items[0].name);
      for (const wrong of ['page=-1', 'itemsPerPage=0', 'page=x'])
        assert.equal((await ask('GET', `/v3/paths/list?${wrong}`)).status, 400, wrong);
      for (const missing of [
        'paths/get/roof',
        'webrtcsessions/get/none',
        'config/paths/get/roof',
        'config/get',
        'stats',
      ]) {
        const { status, json } = await ask('GET', `/v3/${missing}`);
        assert.deepEqual([status, json.status, typeof json.error], [404, 'error', 'string'], missing);
      }
      assert.equal((await ask('POST', '/v3/webrtcsessions/kick/none')).status, 404);
      const global = (await ask('GET', '/v3/config/global/get')).json;
      assert.deepEqual([global.authMethod, global.webrtc, global.hls, global.api], ['internal', true, true, true]);
      assert.equal((await ask('GET', '/v3/config/pathdefaults/get')).status, 200);
      const info = (await ask('GET', '/v3/info')).json;
      assert.deepEqual([typeof info.version, ISO.test(info.started)], ['string', true]);
      const config = (await ask('GET', '/v3/config/paths/get/bench')).json;
      assert.deepEqual([config.name, config.sourceOnDemand, config.record], ['bench', true, false]);
      const configs = (await ask('GET', '/v3/config/paths/list')).json;
      assert.deepEqual([configs.itemCount, configs.items.length], [3, 3]);
      const muxers = (await ask('GET', '/v3/hlsmuxers/list')).json;
      assert.deepEqual([muxers.itemCount, muxers.items], [0, []]);
      for (const [method, path] of [
        ['PATCH', 'config/global/patch'],
        ['PATCH', 'config/pathdefaults/patch'],
        ['POST', 'config/paths/add/x'],
        ['PATCH', 'config/paths/patch/x'],
        ['POST', 'config/paths/replace/x'],
        ['DELETE', 'config/paths/delete/x'],
      ] as const) {
        const { status, json } = await ask(method, `/v3/${path}`, { body: {} });
        assert.deepEqual([status, json.status, json.code], [501, 'error', 'dialect.left_out'], path);
      }
      const hls = await ask('GET', '/bench/index.m3u8', { bearer: null });
      assert.equal(hls.status, 401);
      assert.match((await ask('GET', '/bench/index.m3u8')).bytes.toString(), /^#EXTM3U/);
    });

    it("/api/auth: the suite's login, its counted failures, session and logout; a forged cookie is nobody's", async () => {
      const login = (body: object) => plain('POST', '/api/auth/login', body);
      const wrong = await login({ username: 'admin', password: 'changeme' });
      assert.deepEqual(
        [wrong.status, keys(wrong.json)],
        [401, ['attempts', 'code', 'isLocked', 'message', 'remainingTime', 'success']],
      );
      const { success, attempts, isLocked, remainingTime } = wrong.json;
      assert.deepEqual([success, attempts, isLocked, remainingTime], [false, 1, false, 0]);
      const missing = await login({ username: 'admin' });
      assert.deepEqual([missing.status, missing.json.success], [400, false]);
      const many = await until('the pause has grown', async () => {
        const came = await login({ username: 'nobody', password: 'x' });
        return came.status === 429 && came.json;
      });
      assert.deepEqual([many.isLocked, many.remainingTime > 0, many.attempts > 0], [true, true, true]);
      const right = await until('the pause is over', async () => {
        const came = await login({ username: 'admin', password: ADMIN_PASSWORD });
        return came.status === 200 && came;
      });
      const { message, isDefaultCredentials, expiresAt } = right.json;
      assert.deepEqual([right.json.success, typeof message, isDefaultCredentials], [true, 'string', false]);
      assert.ok(Date.parse(expiresAt) > Date.now());
      const cookies = right.headers.getSetCookie();
      assert.ok(cookies.length > 0 && cookies.every((cookie) => /HttpOnly/i.test(cookie)));
      const Cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
      const session = async (cookie: string) =>
        (await ask('GET', '/api/auth/session', { bearer: null, headers: { Cookie: cookie } })).json;
      const known = await session(Cookie);
      assert.deepEqual([known.authenticated, known.username, typeof known.message], [true, 'admin', 'string']);
      const forged = await session('site_session=authenticated; site_session_data={"username":"admin"}');
      assert.deepEqual([forged.authenticated, typeof forged.message], [false, 'string']);
      const out = await ask('POST', '/api/auth/logout', { bearer: null, headers: { Cookie }, body: {} });
      assert.deepEqual([out.status, out.json.success], [200, true]);
    });
  });

  describe('S4: a device and the dashboard of PiVision', () => {
    const meta = { device_id: 'esp', capture_ts: '2026-11-21T12:00:00Z', width: 64, height: 48, jpeg_quality: 70 };
    let jpeg: Buffer;

    before(async () => {
      jpeg = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#284' } })
        .jpeg({ quality: 70 })
        .toBuffer();
    });
    const send = (body: unknown, key: string | undefined = device.api_key) =>
      ask('POST', '/api/v1/ingest/frame', { bearer: null, body, headers: key === '' ? {} : { 'X-DEVICE-KEY': key } });
    const json = (change: object) => ({ ...meta, image_b64: jpeg.toString('base64'), ...change });

    it('POST /ingest/frame in both forms: stored, the same again, another one under its number', async () => {
      const first = await send(json({ seq: 1 }));
      assert.deepEqual([first.status, keys(first.json)], [201, ['duplicate', 'frame_id', 'ok', 'received_ts']]);
      assert.deepEqual([first.json.ok, first.json.duplicate], [true, false]);
      assert.match(first.json.received_ts, ISO);
      const again = await send(json({ seq: 1 }));
      assert.deepEqual([again.status, again.json.frame_id, again.json.duplicate], [200, first.json.frame_id, true]);
      const other = await sharp(jpeg).negate().jpeg().toBuffer();
      const taken = await send(json({ seq: 1, image_b64: other.toString('base64') }));
      assert.deepEqual(
        [taken.status, taken.json.ok, taken.json.error, taken.json.frame_id, taken.json.last_seq],
        [409, false, 'duplicate device seq', first.json.frame_id, 1],
      );
      const form = new FormData();
      form.set('image', new Blob([new Uint8Array(jpeg)], { type: 'image/jpeg' }), 'frame.jpg');
      const extra = { rssi: -60, battery_mv: 3900, fw_version: '1.0', notes: 'first light' };
      form.set('meta', JSON.stringify({ ...meta, ...extra, capture_ts: 1_795_262_400, seq: 2 }));
      assert.equal((await send(form)).status, 201);
      for (const seq of [3, 4])
        assert.equal((await send(json({ seq, capture_ts: 1_795_262_400_000 + seq }))).status, 201);
    });

    it('POST /ingest/frame refuses in the words of the seed', async () => {
      const refusals: [unknown, number, string][] = [
        ['{', 400, 'invalid json'],
        [json({}), 400, 'missing required field: seq'],
        [json({ seq: 9, device_id: undefined }), 400, 'missing required field: device_id'],
        [{ ...meta, seq: 9 }, 400, 'missing required field: image_b64'],
        [json({ seq: 'nine' }), 400, 'invalid integer field: seq'],
        [json({ seq: 9, width: 1.5 }), 400, 'invalid integer field: width'],
        [json({ seq: 9, image_b64: '?' }), 400, 'invalid image_b64'],
      ];
      for (const [body, status, error] of refusals) {
        const came = await send(body);
        assert.deepEqual([came.status, came.json.ok, came.json.error], [status, false, error]);
      }
      assert.equal((await send(json({ seq: 9, jpeg_quality: 101 }))).status, 400);
      const unknown = await send(json({ seq: 9 }), 'dev-key');
      assert.deepEqual([unknown.status, unknown.json.ok, unknown.json.error], [401, false, 'invalid device key']);
      assert.equal((await send(json({ seq: 9 }), '')).status, 401);
      assert.equal((await send(json({ seq: 9, device_id: 'other' }))).status, 403);
    });

    it('POST /ingest/heartbeat and GET /device/config', async () => {
      const headers = { 'X-DEVICE-KEY': device.api_key };
      const beat = (body: object, given: Record<string, string> = headers) =>
        ask('POST', '/api/v1/ingest/heartbeat', { bearer: null, body, headers: given });
      const { status, json: said } = await beat({ device_id: 'esp', rssi: -60, battery_mv: 3900, fw_version: '1.0' });
      assert.deepEqual([status, said.ok, ISO.test(said.last_seen)], [200, true, true]);
      const missing = await beat({});
      assert.deepEqual([missing.status, missing.json.error], [400, 'missing required field: device_id']);
      assert.equal((await beat({ device_id: 'esp' }, { 'X-DEVICE-KEY': 'dev-key' })).status, 401);

      const config = (query: string, given: Record<string, string> = headers) =>
        ask('GET', `/api/v1/device/config${query}`, { bearer: null, headers: given });
      const served = await config('?device_id=esp');
      assert.deepEqual(
        [served.status, served.json.ok, served.json.device_id, served.json.last_seq],
        [200, true, 'esp', 4],
      );
      const defaults = {
        ...{ capture_interval_s: 30, burst_fps: 2, burst_duration_s: 15, burst_cooldown_s: 60 },
        ...{ interaction_min_frames: 2, interaction_end_timeout_s: 3, interaction_threshold: 0.08 },
        ...{ capture_interval_ms: 30_000, burst_duration_ms: 15_000, burst_cooldown_ms: 60_000 },
        ...{ config_poll_interval_s: 15, config_poll_interval_ms: 15_000 },
      };
      for (const [name, value] of Object.entries(defaults)) assert.equal(served.json.config[name], value, name);
      assert.equal((await config('?device_id=other')).status, 403);
      assert.equal((await config('?device_id=esp', {})).status, 401, 'everybody could read it at the seed');
    });

    it('GET /admin/*: devices, events, figures of ingest, queue, database, system; an unknown group is 404', async () => {
      const admin = (path: string) => plain('GET', `/api/v1/admin/${path}`);
      const events = await admin('events?limit=5');
      assert.deepEqual([events.status, events.json], [200, { ok: true, events: [] }]);
      for (const limit of ['x', '0', '1.5']) {
        const wrong = await admin(`events?limit=${limit}`);
        assert.deepEqual([wrong.status, wrong.json.ok], [400, false], limit);
      }
      const { ok, devices } = (await admin('devices')).json;
      const own = devices.find(({ device_id }: { device_id: string }) => device_id === 'esp');
      assert.deepEqual([ok, keys(own)], [true, ['battery_mv', 'device_id', 'fw_version', 'last_seen', 'rssi']]);
      assert.deepEqual([own.rssi, own.battery_mv, own.fw_version], [-60, 3900, '1.0']);
      const ingest = (await admin('metrics/ingest')).json;
      const { success_total, failure_total, success_60m, failure_60m } = ingest;
      assert.deepEqual([success_total, success_60m, failure_total, failure_60m], [5, 5, 12, 12]);
      assert.deepEqual([ingest.ok, ingest.series.length, ingest.avg_latency_ms > 0], [true, 12, true]);
      assert.deepEqual(keys(ingest.series[0]), ['failure', 'success', 'ts']);
      assert.ok(Date.parse(ingest.series[1].ts) - Date.parse(ingest.series[0].ts) === 300_000, 'five minutes');
      const queue = (await admin('metrics/queue')).json;
      assert.deepEqual([queue.ok, keys(queue.queue)], [true, ['dead', 'done', 'failed', 'queued', 'running']]);
      const { queued, running, failed, dead } = queue.queue;
      assert.equal(queue.depth, queued + running + failed + dead);
      const database = (await admin('metrics/database')).json;
      assert.deepEqual([database.ok, database.connected, database.devices], [true, true, 1]);
      assert.match(database.version, /^\d+/);
      types(database, 'dbSizeMb captures events jobs ingestAudit', 'number');
      assert.ok(database.dbSizeMb > 0);
      const captures = database.tables.find(({ name }: { name: string }) => name === 'captures');
      assert.equal(captures.rows, database.captures);
      assert.ok(captures.rows >= 4, 'those of the device, and what the server samples of its own');
      assert.ok(ISO.test(captures.lastWrite) && captures.size > 0);
      const system = (await admin('metrics/system')).json;
      assert.equal(system.ok, true);
      types(system, 'cpu memory diskRemainingGb uptime', 'number');
      assert.ok('tempC' in system);
      const unknown = await admin('metrics/weather');
      assert.deepEqual([unknown.status, unknown.json.ok], [404, false]);
    });

    it('GET /health and GET /static/*', async () => {
      const health = await plain('GET', '/health');
      assert.equal(health.status, 200);
      const { ok, timestamp, db, directories, system, background } = health.json;
      assert.deepEqual([ok, ISO.test(timestamp), db.connected, db.error, 'path' in db], [true, true, true, null, true]);
      for (const { name, path, exists, writable } of directories)
        assert.deepEqual([typeof name, typeof path, exists, writable], ['string', 'string', true, true]);
      assert.ok(directories.length > 0 && background.length > 0 && typeof system === 'object');
      for (const record of background)
        for (const name of ['name', 'lastSuccess', 'lastError']) assert.ok(name in record, `${record.name} ${name}`);
      for (const [path, status] of [
        ['api/v1/events/01a1fe07-e281-743d-babd-e31a8a1bed0d/images/during.jpg', 404],
        ['redeye.log', 404],
        ['events/%2E%2E%2F%2E%2E%2Fsecrets.json', 403],
      ] as const) {
        const came = await plain('GET', `/static/${path}`);
        assert.deepEqual([came.status, came.json?.ok], [status, false], path);
      }
    });
  });
});
