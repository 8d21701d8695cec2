import assert from 'node:assert/strict';
import sharp from 'sharp';
import { WebSocket } from 'ws';
import { CameraService } from '../../support/camera-service.ts';
import { type EdgeDoor, DEVICE_KEY as KEY, openEdgeDoor } from '../../support/edge-door.ts';

describe('the dialects of a device', function () {
  this.timeout(60_000);
  let door: EdgeDoor;
  const ask: EdgeDoor['ask'] = (...asked) => door.ask(...asked);

  before(async () => {
    door = await openEdgeDoor();
  });

  afterEach(() => door.open([]));

  after(async () => {
    await door?.stop();
  });

  it('are closed: no key is 401, a wrong one 403 for RELab, each in FastAPI words with our code', async () => {
    const missing = await ask('GET', '/camera/status', { key: null });
    assert.deepEqual([missing.status, missing.json.code, typeof missing.json.detail], [401, 'auth.missing', 'string']);
    const wrong = await ask('POST', '/images', { key: 'another-key' });
    assert.deepEqual([wrong.status, wrong.json], [403, { detail: 'Invalid API Key', code: 'auth.invalid' }]);
    assert.equal((await ask('POST', '/capture', { key: null })).status, 401);
    assert.equal((await ask('GET', '/video/feed', { key: null })).status, 401);
    assert.equal((await ask('GET', '/captures/list', { key: null })).status, 401);
  });

  it('are 503 with the time to come again while the flows start, to who may come in at all', async () => {
    door.flowsRun(false);
    try {
      const early = await ask('GET', '/camera/status');
      assert.deepEqual([early.status, early.json.code, early.headers.get('retry-after')], [503, 'flows.stopped', '2']);
      assert.equal((await ask('GET', '/camera/status', { key: null })).status, 401);
    } finally {
      door.flowsRun(true);
    }
    assert.equal((await ask('GET', '/camera/status')).status, 200);
    assert.equal((await ask('GET', '/camera/nothing')).status, 404);
  });

  it('tell a method that a path does not have as FastAPI does, with `Allow`, and only who may come in', async () => {
    for (const [method, path, allow] of [
      ['DELETE', '/camera/status', 'GET, HEAD, OPTIONS'],
      ['GET', '/images', 'OPTIONS, POST'],
      ['DELETE', '/settings', 'GET, HEAD, OPTIONS, PUT'],
      ['PUT', '/stream', 'GET, HEAD, OPTIONS'],
      ['POST', '/video/feed', 'GET, HEAD, OPTIONS'],
      ['PUT', '/docs', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const { status, json, headers } = await ask(method, path);
      const said = { detail: 'Method Not Allowed', code: 'route.method_not_allowed' };
      assert.deepEqual([status, json, headers.get('allow')], [405, said, allow], `${method} ${path}`);
      assert.equal((await ask(method, path, { key: null })).status, 401, `${method} ${path}`);
    }
    assert.equal((await ask('DELETE', '/camera/nothing')).status, 404);
    const asked = await ask('OPTIONS', '/docs');
    assert.deepEqual([asked.status, asked.headers.get('allow')], [204, 'GET, HEAD, OPTIONS']);
  });

  it("CompuCyto's camera service: capture in both dialects at once, settings, files", async () => {
    const { status, json } = await ask('POST', '/capture', { body: { exposure: 50, gain: 2 } });
    assert.equal(status, 200);
    assert.match(json.filename, /^capture_\d{8}_\d{6}_\d{3}\.jpg$/);
    assert.deepEqual(
      [json.success, json.filepath, json.settings, json.image_info.format, json.exposureTime, json.gain],
      [
        true,
        `./captures/${json.filename}`,
        { exposure: 50, gain: 2, resolution: { width: 640, height: 480 } },
        'JPG',
        50,
        2,
      ],
    );
    assert.deepEqual(
      [json.width, json.height, json.fileSize, json.timestamp],
      [640, 480, json.image_info.size_bytes, json.capturedAt],
    );
    assert.equal(new Date(json.timestamp).toISOString(), json.timestamp);
    const { cameraConnected, simulatedMode, format, quality } = json.metadata;
    assert.deepEqual([cameraConnected, simulatedMode, format, typeof quality], [true, true, 'jpg', 'number']);
    for (const body of [{ exposure: -1 }, { gain: -0.1 }, { exposure: 'long' }])
      assert.equal((await ask('POST', '/capture', { body })).status, 422, JSON.stringify(body));
    const file = await ask('GET', `/captures/${json.filename}`);
    assert.equal(file.bytes.length, json.fileSize);
    const list = (await ask('GET', '/captures/list')).json;
    assert.equal(list.path, './captures');
    assert.equal(new Date(list.files[0].modified).toISOString(), list.files[0].modified);
    assert.equal((await ask('GET', '/captures/capture_20200101_000000_000.jpg')).status, 404);
    assert.deepEqual((await ask('GET', '/videos/list')).json, { files: [], count: 0, path: './videos' });
    assert.equal((await ask('GET', '/videos/one.mp4')).status, 404);
    assert.deepEqual(
      [list.count, list.files[0].filename, list.files[0].size],
      [list.files.length, json.filename, json.fileSize],
    );
    assert.equal((await ask('GET', '/captures/..%2Fpasswd')).status, 404);

    const settings = (await ask('GET', '/settings')).json;
    assert.deepEqual([settings.exposure, settings.gain], [100, 1], 'what was asked for one picture does not stay');
    assert.deepEqual(settings.resolution, { width: 640, height: 480 });
    const { gamma, gammaMin, gammaMax, gammaSupported, autoExposure, autoExposureSupported } = settings;
    assert.deepEqual([gamma, gammaMin, gammaMax, gammaSupported], [1, 1, 1, false]);
    assert.deepEqual([autoExposure, autoExposureSupported], [false, false]);
    assert.deepEqual([typeof settings.gainMin, typeof settings.gainMax], ['number', 'number']);
    assert.ok(settings.available_resolutions.length >= 3);
    assert.deepEqual(
      [settings.connected, typeof settings.streaming, settings.exposureMin, settings.exposureMax],
      [true, 'boolean', 1, 1000],
    );
    assert.equal((await ask('PUT', '/settings', { body: { exposure: 150 } })).json.exposure, 150);
    assert.equal((await ask('PUT', '/settings', { body: { exposure: 100 } })).json.exposure, 100);
    for (const body of [{ exposure: -1 }, { gain: 'much' }, { exposure: 1e9 }, '{"exposure":']) {
      const refused = await ask('PUT', '/settings', { body });
      assert.deepEqual([refused.status, typeof refused.json.detail], [422, 'string'], JSON.stringify(body));
    }
    for (const [method, path] of [
      ['POST', '/video/record/start?duration=10&playback_frame_rate=25&decimation=1'],
      ['POST', '/video/record/stop'],
      ['POST', '/video/record/cancel'],
      ['GET', '/video/record/status'],
      ['POST', '/settings/auto-exposure/once'],
    ] as const) {
      const left = await ask(method, path);
      assert.deepEqual(
        [left.status, left.json.code, typeof left.json.detail],
        [501, 'dialect.left_out', 'string'],
        path,
      );
    }
  });

  it('shows moving pictures: MJPEG at both paths, and the WebSocket of seed 002', async () => {
    for (const path of ['/video/feed', '/camera/stream.mjpg']) {
      const ending = new AbortController();
      const response = await fetch(door.url + path, { headers: { 'X-API-Key': KEY }, signal: ending.signal });
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^multipart\/x-mixed-replace; *boundary=/);
      const { value } = (await response.body?.getReader().read()) ?? {};
      assert.ok(value && value.length > 0);
      ending.abort();
    }
    const address = `${door.url.replace('http', 'ws')}/ws/camera/stream`;
    const refused = new WebSocket(address);
    const status = await new Promise((resolve) =>
      refused.on('unexpected-response', (_req, res) => resolve(res.statusCode)),
    );
    assert.equal(status, 401);
    const socket = new WebSocket(address, { headers: { 'X-API-Key': KEY } });
    const messages: { type: string; data?: string; timestamp?: number; resolution?: object }[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('message', (text) => {
        messages.push(JSON.parse(String(text)));
        if (messages.length === 3) resolve();
      });
    });
    socket.close();
    assert.deepEqual([messages[0]?.type, messages[0]?.resolution], ['connected', { width: 640, height: 480 }]);
    assert.equal(typeof (messages[0] as { message?: unknown }).message, 'string');
    assert.equal(messages[1]?.type, 'frame');
    assert.equal((await sharp(Buffer.from(messages[1]?.data ?? '', 'base64')).metadata()).width, 640);
    assert.ok((messages[2]?.timestamp ?? 0) > (messages[1]?.timestamp ?? 0));
  });

  it('answer without a key where OPEN_DIALECTS says so, and nothing else does', async () => {
    door.open(['compucyto@lan', 'relab']);
    assert.equal((await ask('POST', '/capture', { key: null })).status, 200);
    assert.equal((await ask('GET', '/camera/status', { key: null })).status, 200);
    assert.equal((await ask('GET', '/camera/snapshot', { key: null })).status, 401, 'seed 001 is closed still');
    assert.equal((await ask('GET', '/api/v1/cameras/pi-cam/mjpeg', { key: null })).status, 401);
    assert.equal(
      (await ask('GET', '/camera/status', { key: 'a-wrong-key' })).status,
      403,
      'a wrong key is told all the same',
    );
  });

  it('a camera service behind the device that is gone is "Camera not connected", and the next capture works', async () => {
    const service = await CameraService.open({ dialect: 'seed' });
    door.cameras.define({ id: 'pi-cam', url: service.url });
    assert.equal((await ask('POST', '/capture')).status, 200);
    service.fault = 'disconnected';
    const away = await ask('POST', '/capture');
    assert.deepEqual([away.status, away.json.detail], [503, 'Camera not connected']);
    service.fault = 'crashing';
    assert.deepEqual((await ask('POST', '/capture')).json.detail, 'Camera not connected');
    service.fault = 'failing';
    const failed = await ask('POST', '/capture');
    assert.deepEqual([failed.status, failed.json.detail], [500, 'Capture failed: no frame']);
    for (const fault of ['no jpeg', 'wrong size', 'cut off', 'strange name'] as const) {
      service.fault = fault;
      const lied = await ask('POST', '/capture');
      assert.deepEqual([lied.status, lied.json.code], [500, 'camera.bad_answer'], fault);
      assert.match(lied.json.detail, /^Capture failed: /);
    }
    service.fault = 'none';
    assert.equal((await ask('POST', '/capture')).status, 200);
    await service.stop();
    const gone = { detail: 'Camera not connected', code: 'camera.unreachable' };
    for (const [method, path, body] of [
      ['POST', '/capture', {}],
      ['GET', '/settings', undefined],
      ['PUT', '/settings', { gain: 2 }],
    ] as const) {
      const came = await ask(method, path, body && { body });
      assert.deepEqual([came.status, came.json], [503, gone], `${method} ${path}`);
    }
    await service.start();
    assert.equal((await ask('POST', '/capture')).status, 200);
    await service.stop();
  });
});
