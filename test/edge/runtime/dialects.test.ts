import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { WebSocket } from 'ws';
import { Access, hashOfKey } from '../../../edge/runtime/access.ts';
import { createDialects, type Dialects } from '../../../edge/runtime/dialects.ts';
import { LiveDoor } from '../../../edge/runtime/live-door.ts';
import { LiveGate } from '../../../edge/runtime/live-gate.ts';
import { createEdgeLiveHost } from '../../../edge/runtime/live-host.ts';
import { localAccess } from '../../../edge/runtime/local-access.ts';
import type { HttpHandler } from '../../../runtime/flow-engine/http-mount.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type CameraSet, createCameraSet } from '../../../runtime/media/camera-set.ts';
import { CameraService } from '../../support/camera-service.ts';
import { FakeHost } from '../../support/fake-host.ts';
import { type Player, playFlow } from '../../support/flow-player.ts';
import { temporaryFolder } from '../../support/folders.ts';

const KEY = 'a-device-key-of-its-own';

/** What came back. */
interface Came {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each looked at where it is expected
  json: any;
  bytes: Buffer;
  headers: Headers;
}

describe('the dialects of a device', function () {
  this.timeout(60_000);
  let cameras: CameraSet;
  let live: LiveGate;
  let dialects: Dialects;
  let server: Server;
  let flow: Player;
  let pushes: FakeHost['pushes'];
  let open: string[] = [];
  let url = '';

  before(async () => {
    const clock = systemClock;
    const log = silentLog;
    cameras = createCameraSet({
      clock,
      log,
      cameras: [
        { id: 'loft-cam', url: 'sim:gradient?width=320&height=240&fps=10' },
        { id: 'pi-cam', url: 'sim:gradient?width=640&height=480&fps=10' },
      ],
    });
    await cameras.start();
    live = new LiveGate({ cameras, clock, log, ffmpegPath: 'ffmpeg', host: '127.0.0.1', udpPort: 0 });
    const access = new Access({ device: 'pi', keyHashes: [hashOfKey(KEY)], clock });
    const folder = join(await temporaryFolder('kept'), 'captures');
    const liveDoor = new LiveDoor({ gate: live, access, cameras, clock });
    let handler: HttpHandler | undefined;
    dialects = createDialects({
      device: 'pi',
      // Not the first one: whoever names no camera gets this one all the same.
      dialectCamera: 'pi-cam',
      cameras,
      live,
      liveDoor,
      access,
      // Read at each request, so that one server serves closed and opened.
      open: new Proxy([] as string[], { get: (_none, key) => Reflect.get(open, key) }),
      flows: (req, res, next) => handler?.(req, res, next),
      folder,
      machine: async () => ({ temperature_c: 76.5, disk_percent: 12.5 }),
      localAccess: () => localAccess('LOCAL_of-this-test', { host: '127.0.0.1', port: 8018 }),
      clock,
      log,
    });
    await dialects.start();
    const fake = new FakeHost({ side: 'edge', device: 'pi' });
    fake.cameras.ids = ['pi-cam'];
    pushes = fake.pushes;
    const host = { ...fake.host, cameras, live: createEdgeLiveHost(live, cameras, log), api: dialects.api };
    const { readFileSync } = await import('node:fs');
    const tabs = ['relab-camera', 'compucyto-camera'].flatMap((name) =>
      JSON.parse(readFileSync(new URL(`../../../flows/edge/${name}.json`, import.meta.url), 'utf8')),
    );
    flow = await playFlow(tabs, { host });
    handler = flow.engine.httpNode;
    server = createServer((req, res) => {
      const where = new URL(req.url ?? '/', 'http://device');
      void dialects.serve(req, res, where).then((served) => {
        if (served) return;
        liveDoor.serve(req, res, where).then(
          (shown) => shown || res.writeHead(404).end(),
          (error) => res.writeHead(error.status).end(),
        );
      });
    });
    dialects.attach(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => {
    open = [];
  });

  after(async () => {
    await flow.stop();
    await dialects.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await live.stop();
    await cameras.stop();
  });

  async function ask(
    method: string,
    path: string,
    options: { body?: unknown; key?: string | null } = {},
  ): Promise<Came> {
    const { body, key = KEY } = options;
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(key !== null && { 'X-API-Key': key }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json');
    return {
      status: response.status,
      json: isJson ? JSON.parse(bytes.toString()) : undefined,
      bytes,
      headers: response.headers,
    };
  }

  /** Follows a playlist as a player does, all of it below one address: its media playlist, and the pieces named there. */
  async function playlistBelow(first: string): Promise<{ media: Came; pieces: Came[] }> {
    const folder = first.slice(0, first.lastIndexOf('/') + 1);
    const index = await ask('GET', first);
    assert.deepEqual([index.status, index.headers.get('content-type')], [200, 'application/vnd.apple.mpegurl; charset=utf-8']);
    const [name = ''] = index.bytes.toString().split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const media = await ask('GET', folder + name);
    assert.match(media.bytes.toString(), /^#EXTM3U/);
    const [, init = ''] = /#EXT-X-MAP:URI="([^"]+)"/.exec(media.bytes.toString()) ?? [];
    const [, part = ''] = /#EXT-X-PART:[^\n]*URI="([^"]+)"/.exec(media.bytes.toString()) ?? [];
    const pieces = [await ask('GET', folder + init), await ask('GET', folder + part)];
    for (const piece of pieces) {
      assert.deepEqual([piece.status, piece.headers.get('content-type')], [200, 'video/mp4'], `${init} ${part}`);
    }
    assert.equal(pieces[0]?.bytes.subarray(4, 8).toString(), 'ftyp');
    return { media, pieces };
  }

  it('are closed: no key is 401, a wrong one 403 for RELab, each in FastAPI words with our code', async () => {
    const missing = await ask('GET', '/camera/status', { key: null });
    assert.deepEqual([missing.status, missing.json.code, typeof missing.json.detail], [401, 'auth.missing', 'string']);
    const wrong = await ask('POST', '/images', { key: 'another-key' });
    assert.deepEqual([wrong.status, wrong.json], [403, { detail: 'Invalid API Key', code: 'auth.invalid' }]);
    assert.equal((await ask('POST', '/capture', { key: null })).status, 401);
    assert.equal((await ask('GET', '/video/feed', { key: null })).status, 401);
    assert.equal((await ask('GET', '/captures/list', { key: null })).status, 401);
  });

  it("RELab's nine calls of dialect A in their order", async () => {
    const status = await ask('GET', '/camera/status');
    assert.equal(status.status, 200);
    const { current_mode, stream, running, camera_num, resolution, framerate, available, publisher } = status.json;
    assert.deepEqual([current_mode, stream, camera_num, resolution], [null, null, 0, '640x480']);
    assert.deepEqual([available, typeof running, framerate, typeof publisher.status], [true, 'boolean', 10, 'string']);
    assert.equal((await ask('POST', '/camera/open?mode=photo')).json.current_mode, 'photo');
    assert.equal((await ask('POST', '/camera/open?mode=film')).status, 422);

    const taken = await ask('POST', '/images');
    assert.equal(taken.status, 201);
    const { image_id, metadata, image_url, expires_at } = taken.json;
    assert.match(image_id, /^[0-9a-f]{32}$/);
    assert.equal(image_url, `${url}/images/${image_id}`);
    const { width, height, capture_time } = metadata.image_properties;
    assert.deepEqual([width, height], [640, 480]);
    assert.match(capture_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual([metadata.capture_metadata.exposure_time, metadata.capture_metadata.analogue_gain], [100_000, 1]);
    assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 3600_000) < 10_000 && expires_at.endsWith('Z'));
    const image = await ask('GET', new URL(image_url).pathname);
    assert.deepEqual([image.status, image.headers.get('content-type')], [200, 'image/jpeg']);
    assert.equal((await sharp(image.bytes).metadata()).width, 640);
    assert.equal((await ask('GET', `/images/${'0'.repeat(32)}`)).status, 404);

    assert.equal((await ask('GET', '/stream/status')).status, 404);
    assert.equal((await ask('DELETE', '/stream/stop')).status, 404);
    assert.equal((await ask('POST', '/stream/start?mode=youtube', { body: {} })).status, 400);
    const started = await ask('POST', '/stream/start?mode=local');
    assert.deepEqual([started.status, started.json.mode, started.json.url], [201, 'local', `${url}/stream/watch`]);
    assert.equal(started.json.youtube_config, null);
    assert.ok(Date.parse(started.json.started_at) <= Date.now());
    assert.equal((await ask('POST', '/stream/start?mode=local')).status, 409);
    assert.equal((await ask('POST', '/camera/close')).status, 409);
    assert.equal((await ask('GET', '/stream/status')).json.mode, 'local');
    assert.equal((await ask('GET', '/stream')).headers.get('location'), '/stream/status');
    assert.equal((await ask('GET', '/stream/hls')).status, 307);
    assert.equal((await ask('GET', '/stream/hls')).headers.get('location'), '/stream/hls/master.m3u8');
    const { media, pieces } = await playlistBelow('/stream/hls/master.m3u8');
    assert.equal(media.headers.get('cache-control'), 'no-cache');
    assert.equal(pieces.every(({ headers }) => headers.get('cache-control') === 'private, max-age=7200'), true);
    assert.equal((await ask('GET', '/stream/hls/notes.txt')).status, 400);
    assert.deepEqual((await ask('GET', '/stream/hls/seg-00-1.ts')).json, { detail: 'No such file', code: 'stream.gone' });
    assert.equal((await ask('GET', '/stream/hls/seg-00-1.ts')).status, 403);
    assert.equal((await ask('GET', '/stream/hls/..%2fsecret.m3u8')).status, 403);
    assert.equal((await ask('POST', '/images')).status, 201, 'a still is taken beside the stream');
    assert.equal((await ask('DELETE', '/stream/stop?mode=youtube')).status, 404);
    assert.equal((await ask('DELETE', '/stream/stop')).status, 204);
    assert.equal((await ask('POST', '/camera/close')).json.current_mode, null);
  });

  it('both dialects push to YouTube under the key they are given, and never show it', async () => {
    const body = { stream_key: 'abcd-1234', broadcast_key: 'xyz' };
    for (const wrong of [{}, { stream_key: 'abcd-1234' }, { ...body, stream_key: 'a b' }])
      for (const path of ['/stream/start?mode=youtube', '/streams/youtube'])
        assert.equal((await ask('POST', path, { body: wrong })).status, 400, path);
    assert.equal((await ask('POST', '/stream/start?mode=film')).status, 422);
    const spec = () => pushes.specs.get('relab.youtube');

    const started = await ask('POST', '/stream/start?mode=youtube', { body });
    const { status, json } = started;
    assert.deepEqual(
      [status, json.mode, json.url, json.youtube_config],
      [201, 'youtube', 'https://youtube.com/watch?v=xyz', null],
    );
    assert.ok(Date.parse(json.started_at) <= Date.now());
    assert.deepEqual(
      [spec()?.url, spec()?.key, spec()?.camera, spec()?.sound, pushes.on.has('relab.youtube')],
      ['rtmps://a.rtmps.youtube.com:443/live2', 'abcd-1234', 'pi-cam', 'auto', true],
    );
    assert.equal((await ask('POST', '/stream/start?mode=local')).status, 409);
    assert.equal((await ask('POST', '/stream/start?mode=youtube', { body })).status, 409);
    assert.equal((await ask('POST', '/camera/close')).status, 409);
    const shown = await ask('GET', '/camera/status');
    assert.deepEqual([shown.json.stream.mode, shown.json.current_mode], ['youtube', 'video']);
    assert.equal((await ask('GET', '/stream/hls')).status, 404, 'nothing local');
    assert.equal((await ask('DELETE', '/stream/stop?mode=local')).status, 404);
    assert.equal((await ask('DELETE', '/stream/stop?mode=youtube')).status, 204);
    assert.equal(spec(), undefined);

    // Dialect B's preview is another encoder: both at once.
    assert.equal((await ask('POST', '/preview/start')).status, 204);
    const b = await ask('POST', '/streams/youtube', { body });
    assert.deepEqual([b.status, b.json.provider, b.json.url], [201, 'youtube', json.url]);
    assert.equal((await ask('POST', '/streams/youtube', { body })).status, 409);
    assert.equal((await ask('GET', '/streams/youtube')).json.mode, 'youtube');
    for (const came of [started, shown, b]) assert.ok(!came.bytes.includes('abcd-1234'), 'no key is echoed');
    assert.equal((await ask('DELETE', '/streams/youtube')).status, 204);
    assert.equal((await ask('DELETE', '/streams/youtube')).status, 404);
    assert.equal((await ask('GET', '/streams/youtube')).status, 404);
    assert.equal((await ask('POST', '/preview/stop')).status, 204);
  });

  it('dialect B: camera, controls, captures, preview, telemetry; what is left out says so', async () => {
    assert.equal((await ask('GET', '/camera')).status, 200);
    const { json: view } = await ask('GET', '/camera/controls');
    assert.deepEqual(
      [view.supported, view.controls.ExposureTime.minimum, view.values.ExposureTime],
      [true, 1000, 100_000],
    );
    const patched = await ask('PATCH', '/camera/controls', { body: { controls: { ExposureTime: 50_000 } } });
    assert.deepEqual([patched.status, patched.json.values.ExposureTime], [200, 50_000]);
    assert.equal((await ask('PATCH', '/camera/controls', { body: { controls: {} } })).status, 422);
    assert.equal((await ask('PATCH', '/camera/controls', { body: { controls: { Zoom: 2 } } })).status, 422);
    assert.equal((await ask('PATCH', '/camera/controls', { body: { controls: { AnalogueGain: 99 } } })).status, 422);
    await ask('PATCH', '/camera/controls', { body: { controls: { ExposureTime: 100_000 } } });
    const { status, json } = await ask('POST', '/captures', { body: { product_id: 4 } });
    assert.deepEqual([status, json.status, typeof json.image_url], [201, 'uploaded', 'string']);
    assert.equal((await ask('GET', '/streams/youtube')).status, 404);
    assert.equal((await ask('POST', '/preview/start')).status, 204);
    assert.equal((await ask('POST', '/preview/stop')).status, 204);
    const thumbnail = await ask('GET', '/preview-thumbnail.jpg');
    assert.equal((await sharp(thumbnail.bytes).metadata()).format, 'jpeg');
    const telemetry = (await ask('GET', '/system/telemetry')).json;
    assert.deepEqual(
      [typeof telemetry.cpu_percent, typeof telemetry.mem_percent, telemetry.thermal_state, telemetry.cpu_temp_c],
      ['number', 'number', 'throttle', 76.5],
    );
    for (const [method, path] of [
      ['PUT', '/camera/focus'],
      ['GET', '/pairing/state'],
      ['GET', '/local-key'],
    ] as const) {
      const left = await ask(method, path, method === 'PUT' ? { body: { mode: 'auto' } } : {});
      assert.deepEqual([left.status, left.json.code], [501, 'dialect.left_out']);
    }
    assert.deepEqual((await ask('GET', '/preview/nothing')).json, { detail: 'Not Found', code: 'route.not_found' });
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
    assert.deepEqual([json.metadata.cameraConnected, json.metadata.simulatedMode], [true, true]);
    const file = await ask('GET', `/captures/${json.filename}`);
    assert.equal(file.bytes.length, json.fileSize);
    const list = (await ask('GET', '/captures/list')).json;
    assert.deepEqual(
      [list.count, list.files[0].filename, list.files[0].size],
      [list.files.length, json.filename, json.fileSize],
    );
    assert.equal((await ask('GET', '/captures/..%2Fpasswd')).status, 404);

    const settings = (await ask('GET', '/settings')).json;
    assert.deepEqual([settings.exposure, settings.gain], [100, 1], 'what was asked for one picture does not stay');
    assert.deepEqual(settings.resolution, { width: 640, height: 480 });
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
    assert.equal((await ask('POST', '/video/record/start')).status, 501);
    assert.equal((await ask('GET', '/video/record/status')).status, 501);
  });

  it('shows moving pictures: MJPEG at both paths, and the WebSocket of seed 002', async () => {
    for (const path of ['/video/feed', '/camera/stream.mjpg']) {
      const ending = new AbortController();
      const response = await fetch(url + path, { headers: { 'X-API-Key': KEY }, signal: ending.signal });
      assert.equal(response.status, 200);
      assert.match(response.headers.get('content-type') ?? '', /^multipart\/x-mixed-replace; *boundary=/);
      const { value } = (await response.body?.getReader().read()) ?? {};
      assert.ok(value && value.length > 0);
      ending.abort();
    }
    const address = `${url.replace('http', 'ws')}/ws/camera/stream`;
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
    assert.equal(messages[1]?.type, 'frame');
    assert.equal((await sharp(Buffer.from(messages[1]?.data ?? '', 'base64')).metadata()).width, 640);
    assert.ok((messages[2]?.timestamp ?? 0) > (messages[1]?.timestamp ?? 0));
  });

  it('answer without a key where OPEN_DIALECTS says so, and nothing else does', async () => {
    open = ['compucyto@lan', 'relab'];
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
    cameras.define({ id: 'pi-cam', url: service.url });
    assert.equal((await ask('POST', '/capture')).status, 200);
    service.fault = 'disconnected';
    const away = await ask('POST', '/capture');
    assert.deepEqual([away.status, away.json.detail], [503, 'Camera not connected']);
    service.fault = 'crashing';
    assert.deepEqual((await ask('POST', '/capture')).json.detail, 'Camera not connected');
    service.fault = 'failing';
    const failed = await ask('POST', '/capture');
    assert.deepEqual([failed.status, failed.json.detail], [500, 'Capture failed: no frame']);
    service.fault = 'none';
    assert.equal((await ask('POST', '/capture')).status, 200);
    await service.stop();
  });
});
