import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { AppError } from '../../../runtime/contracts/errors.ts';
import { type Came, type EdgeDoor, LOCAL_KEY, openEdgeDoor } from '../../support/edge-door.ts';

/** `StreamView` of either dialect. */
const VIEW_FIELDS = ['metadata', 'mode', 'provider', 'started_at', 'url', 'youtube_config'];

/** Seed 000 §2.0, field by field: what a RELab platform of either dialect asks of a Pi. */
describe("RELab's Pi camera API on a device", function () {
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

  /** Follows a playlist as a player does, all of it below one address: its media playlist, and the pieces named there. */
  async function playlistBelow(first: string): Promise<{ media: Came; pieces: Came[] }> {
    const folder = first.slice(0, first.lastIndexOf('/') + 1);
    const index = await ask('GET', first);
    assert.deepEqual(
      [index.status, index.headers.get('content-type')],
      [200, 'application/vnd.apple.mpegurl; charset=utf-8'],
    );
    const [name = ''] = index.bytes
      .toString()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
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

  it("RELab's nine calls of dialect A in their order", async () => {
    const status = await ask('GET', '/camera/status');
    assert.equal(status.status, 200);
    const { current_mode, stream, running, camera_num, resolution, framerate, available, publisher } = status.json;
    assert.deepEqual([current_mode, stream, camera_num, resolution], [null, null, 0, '640x480']);
    assert.deepEqual([available, typeof running, framerate, typeof publisher.status], [true, 'boolean', 10, 'string']);
    const { backend, picamera2_available, opencv_available } = status.json;
    assert.deepEqual([backend, picamera2_available, opencv_available], ['opencv', false, true]);
    assert.equal((await ask('POST', '/camera/open?mode=photo')).json.current_mode, 'photo');
    assert.equal((await ask('POST', '/camera/open?mode=video')).json.current_mode, 'video');
    const film = await ask('POST', '/camera/open?mode=film');
    assert.equal(film.status, 422);
    assert.deepEqual(film.json.detail, [
      { loc: ['query', 'mode'], msg: 'mode must be photo or video', type: 'value_error' },
    ]);

    const taken = await ask('POST', '/images');
    assert.equal(taken.status, 201);
    const { image_id, metadata, image_url, expires_at } = taken.json;
    assert.match(image_id, /^[0-9a-f]{32}$/);
    assert.equal(image_url, `${door.url}/images/${image_id}`);
    assert.deepEqual(Object.keys(taken.json).sort(), ['expires_at', 'image_id', 'image_url', 'metadata']);
    assert.deepEqual(Object.keys(metadata), ['image_properties', 'camera_properties', 'capture_metadata']);
    assert.deepEqual(metadata.camera_properties, { camera_model: 'sim' });
    const { width, height, capture_time } = metadata.image_properties;
    assert.deepEqual([width, height], [640, 480]);
    assert.match(capture_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual([metadata.capture_metadata.exposure_time, metadata.capture_metadata.analogue_gain], [100_000, 1]);
    assert.ok(Math.abs(Date.parse(expires_at) - Date.now() - 3600_000) < 10_000 && expires_at.endsWith('Z'));
    const image = await ask('GET', new URL(image_url).pathname);
    assert.deepEqual([image.status, image.headers.get('content-type')], [200, 'image/jpeg']);
    assert.equal((await sharp(image.bytes).metadata()).width, 640);
    assert.equal((await ask('GET', `/images/${'0'.repeat(32)}`)).status, 404);
    assert.equal((await ask('GET', '/images/..%2f..%2fsecret')).status, 404);

    assert.equal((await ask('GET', '/stream/status')).status, 404);
    assert.equal((await ask('DELETE', '/stream/stop')).status, 404);
    assert.equal((await ask('POST', '/stream/start?mode=youtube', { body: {} })).status, 400);
    const started = await ask('POST', '/stream/start?mode=local');
    assert.deepEqual([started.status, started.json.mode, started.json.url], [201, 'local', `${door.url}/stream/watch`]);
    assert.equal(started.json.youtube_config, null);
    assert.deepEqual(Object.keys(started.json).sort(), VIEW_FIELDS);
    assert.deepEqual(started.json.metadata.camera_properties, { camera_model: 'sim' });
    assert.deepEqual(started.json.metadata.capture_metadata, {
      exposure_time: 100_000,
      analogue_gain: 1,
      frame_duration: 100_000,
    });
    assert.equal(started.json.metadata.fps, 10);
    assert.ok(Date.parse(started.json.started_at) <= Date.now());
    const again = await ask('POST', '/stream/start?mode=local');
    assert.deepEqual([again.status, again.json], [409, { detail: 'Stream is already active', code: 'stream.active' }]);
    assert.equal((await ask('POST', '/camera/close')).status, 409);
    assert.equal((await ask('GET', '/stream/status')).json.mode, 'local');
    const redirected = await ask('GET', '/stream');
    assert.deepEqual([redirected.status, redirected.headers.get('location')], [307, '/stream/status']);
    assert.equal((await ask('GET', '/stream/hls')).status, 307);
    assert.equal((await ask('GET', '/stream/hls')).headers.get('location'), '/stream/hls/master.m3u8');
    const { media, pieces } = await playlistBelow('/stream/hls/master.m3u8');
    assert.equal(media.headers.get('cache-control'), 'no-cache');
    assert.equal(
      pieces.every(({ headers }) => headers.get('cache-control') === 'private, max-age=7200'),
      true,
    );
    assert.equal((await ask('GET', '/stream/hls/notes.txt')).status, 400);
    assert.deepEqual((await ask('GET', '/stream/hls/seg-00-1.ts')).json, {
      detail: 'No such file',
      code: 'stream.gone',
    });
    assert.equal((await ask('GET', '/stream/hls/seg-00-1.ts')).status, 403);
    assert.equal((await ask('GET', '/stream/hls/..%2fsecret.m3u8')).status, 403);
    assert.equal((await ask('POST', '/images')).status, 201, 'a still is taken beside the stream');
    assert.equal((await ask('DELETE', '/stream/stop?mode=youtube')).status, 404);
    const stopped = await ask('DELETE', '/stream/stop');
    assert.deepEqual([stopped.status, stopped.bytes.length], [204, 0]);
    for (const path of ['/stream/hls', '/stream/hls/master.m3u8', '/stream/status']) {
      assert.equal((await ask('GET', path)).status, 404, path);
    }
    const closed = await ask('POST', '/camera/close');
    assert.deepEqual([closed.status, closed.json.current_mode, closed.json.stream], [200, null, null]);
  });

  it('both dialects push to YouTube under the key they are given, and never show it', async () => {
    const body = { stream_key: 'abcd-1234', broadcast_key: 'xyz' };
    for (const wrong of [{}, { stream_key: 'abcd-1234' }, { ...body, stream_key: 'a b' }])
      for (const path of ['/stream/start?mode=youtube', '/streams/youtube'])
        assert.equal((await ask('POST', path, { body: wrong })).status, 400, path);
    for (const path of ['/stream/start?mode=film', '/stream/start']) {
      const wrong = await ask('POST', path, { body });
      assert.deepEqual([wrong.status, wrong.json.detail[0].loc], [422, ['query', 'mode']]);
    }
    const spec = () => door.pushes.specs.get('relab.youtube');

    const started = await ask('POST', '/stream/start?mode=youtube', { body });
    const { status, json } = started;
    assert.deepEqual(
      [status, json.mode, json.url, json.youtube_config],
      [201, 'youtube', 'https://youtube.com/watch?v=xyz', null],
    );
    assert.ok(Date.parse(json.started_at) <= Date.now());
    assert.deepEqual(
      [spec()?.url, spec()?.key, spec()?.camera, spec()?.sound, door.pushes.on.has('relab.youtube')],
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

  it('dialect B: the camera, its controls and focus', async () => {
    const camera = await ask('GET', '/camera');
    assert.deepEqual([camera.status, camera.json.current_mode, camera.json.stream], [200, null, null]);
    const { status, json: view } = await ask('GET', '/camera/controls');
    assert.deepEqual([status, view.supported, view.values], [200, true, { ExposureTime: 100_000, AnalogueGain: 1 }]);
    const { ranges } = await door.cameras.settings('pi-cam');
    assert.deepEqual(view.controls, {
      ExposureTime: {
        name: 'ExposureTime',
        namespace: 'redeye',
        value_type: 'int',
        minimum: (ranges.exposure?.min ?? 0) * 1000,
        maximum: (ranges.exposure?.max ?? 0) * 1000,
        read_only: false,
      },
      AnalogueGain: {
        name: 'AnalogueGain',
        namespace: 'redeye',
        value_type: 'float',
        minimum: ranges.gain?.min,
        maximum: ranges.gain?.max,
        read_only: false,
      },
    });
    const patch = (body: object) => ask('PATCH', '/camera/controls', { body });
    const patched = await patch({ controls: { ExposureTime: 50_000 } });
    assert.deepEqual([patched.status, patched.json.values.ExposureTime], [200, 50_000]);
    assert.deepEqual(patched.json.controls, view.controls, 'the same view');
    for (const [body, loc, type] of [
      [{}, ['body', 'controls'], 'missing'],
      [{ controls: {} }, ['body', 'controls'], 'value_error'],
      [{ controls: { Zoom: 2 } }, ['body', 'controls', 'Zoom'], 'value_error'],
    ] as const) {
      const refused = await patch(body);
      assert.deepEqual([refused.status, refused.json.detail[0].loc, refused.json.detail[0].type], [422, loc, type]);
      assert.equal(typeof refused.json.detail[0].msg, 'string');
    }
    assert.equal((await patch({ controls: { AnalogueGain: 99 } })).status, 422);
    await patch({ controls: { ExposureTime: 100_000 } });
    const focus = (body: object) => ask('PUT', '/camera/focus', { body });
    const none = await focus({ mode: 'manual', lens_position: 2, trigger_cycle: true });
    assert.deepEqual([none.status, none.json.code], [501, 'camera.not_supported'], 'no focus that can be set');
    for (const wrong of [{}, { mode: 'near' }, { mode: 'auto', lens_position: -1 }, { mode: 'auto', trigger_cycle: 1 }])
      assert.equal((await focus(wrong)).status, 422, JSON.stringify(wrong));
  });

  it('dialect B: captures with any body, a picture to look at, HLS that wakes the camera', async () => {
    const { status, json } = await ask('POST', '/captures', { body: { product_id: 4, description: 'front' } });
    assert.deepEqual([status, json.status], [201, 'uploaded']);
    assert.deepEqual(Object.keys(json).sort(), ['expires_at', 'image_id', 'image_url', 'metadata', 'status']);
    assert.match(json.image_id, /^[0-9a-f]{32}$/);
    const [first] = door.brought;
    assert.ok(first);
    const { captured_at, ...meta } = first.picture.meta;
    const local = await ask('GET', `/images/${json.image_id}`);
    assert.deepEqual([first.id, first.picture.jpeg], [json.image_id, local.bytes]);
    assert.ok(Math.abs(captured_at - Date.now()) < 60_000);
    assert.deepEqual(meta, {
      camera: 'pi-cam',
      width: 640,
      height: 480,
      jpeg_quality: meta.jpeg_quality,
      exposure: 100,
      gain: 1,
      driver: 'sim',
      product_id: 4,
      description: 'front',
      asked: { product_id: 4, description: 'front' },
    });
    assert.equal((await ask('GET', new URL(json.image_url).pathname)).status, 200);
    assert.equal((await ask('POST', '/captures')).status, 201, 'the body is optional');
    assert.equal((await ask('POST', '/captures', { body: '[' })).status, 422);
    const broken = await ask('POST', '/captures', { body: '[' });
    assert.deepEqual(broken.json.detail, [{ loc: ['body'], msg: 'the body is not valid JSON', type: 'json_invalid' }]);
    const thumbnail = await ask('GET', '/preview-thumbnail.jpg');
    assert.deepEqual([thumbnail.status, thumbnail.headers.get('content-type')], [200, 'image/jpeg']);
    assert.equal((await sharp(thumbnail.bytes).metadata()).format, 'jpeg');
    const { media } = await playlistBelow('/preview/hls/cam-preview/index.m3u8');
    assert.equal(media.headers.get('cache-control'), 'no-store');
    for (const path of ['/preview/hls/cam-preview/seg-00-1.mp4', '/preview/hls/..%2f..%2fetc', '/preview/nothing'])
      assert.equal((await ask('GET', path)).status, 404, path);
    for (const path of ['/preview/start', '/preview/start', '/preview/stop', '/preview/stop'])
      assert.equal((await ask('POST', path)).status, 204, path);
  });

  it('dialect B: a capture says `queued` while the server is away, and what the server refuses for ever', async () => {
    const { delivery } = door;
    const capture = (body: unknown) => ask('POST', '/captures', { body });
    door.delivery = async () => ({ status: 'queued' });
    const { status, json } = await capture({ note: 'free', product_id: null, description: null });
    assert.deepEqual([status, json.status, json.image_url], [201, 'queued', `${door.url}/images/${json.image_id}`]);
    assert.deepEqual(door.brought.at(-1)?.picture.meta.asked, { note: 'free', product_id: null, description: null });
    for (const [code, its] of [
      ['product.not_found', 404],
      ['disk.full', 500],
    ] as const) {
      door.delivery = () => Promise.reject(new AppError(code, 'so it is'));
      const refused = await capture({ product_id: 5 });
      assert.deepEqual([refused.status, refused.json], [its, { detail: 'so it is', code }]);
    }
    door.delivery = delivery;
    const before = door.brought.length;
    for (const [body, ...loc] of [
      [{ product_id: 0 }, 'body', 'product_id'],
      [{ product_id: 'four' }, 'body', 'product_id'],
      [{ product_id: 1.5 }, 'body', 'product_id'],
      [{ description: 'x'.repeat(501) }, 'body', 'description'],
      [{ note: 'x'.repeat(20_000) }, 'body', 'body'],
      [[4], 'body', 'body'],
    ] as const) {
      const wrong = await capture(body);
      assert.deepEqual([wrong.status, wrong.json.detail[0].loc], [422, loc], JSON.stringify(body).slice(0, 60));
    }
    assert.equal(door.brought.length, before, 'nothing was taken');
    await ask('POST', '/images');
    await ask('POST', '/capture');
    assert.equal(door.brought.length, before, 'where who asks fetches the picture, the server is not troubled');
  });

  it('dialect B: telemetry as JSON and for Prometheus', async () => {
    const { status, json } = await ask('GET', '/system/telemetry');
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(json).sort(), [
      'cpu_percent',
      'cpu_temp_c',
      'current_preview_size',
      'disk_percent',
      'mem_percent',
      'preview_fps',
      'preview_sessions',
      'thermal_state',
      'timestamp',
    ]);
    assert.deepEqual([json.cpu_temp_c, json.disk_percent, json.thermal_state], [76.5, 12.5, 'throttle']);
    for (const name of ['cpu_percent', 'mem_percent']) assert.ok(json[name] >= 0 && json[name] <= 100, name);
    assert.ok(Math.abs(Date.parse(json.timestamp) - Date.now()) < 10_000);
    assert.equal(typeof json.preview_sessions, 'number');
    const metrics = await ask('GET', '/metrics');
    assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain;.*version=0\.0\.4/);
    const text = metrics.bytes.toString();
    for (const name of ['cpu_percent', 'mem_percent', 'disk_percent', 'preview_sessions', 'cpu_temp_celsius'])
      assert.match(text, new RegExp(`^rpi_cam_${name} [0-9.]+$`, 'm'), name);
    assert.match(text, /^rpi_cam_thermal_state\{state="throttle"\} 1$/m);
    assert.equal(text.match(/^rpi_cam_thermal_state\{/gm)?.length, 4);
    assert.equal((await ask('GET', '/metrics', { key: null })).status, 401);
  });

  it('dialect B: the key of its own network opens it, and is shown to nobody without a key', async () => {
    const { status, json, headers } = await ask('GET', '/system/local-access');
    assert.deepEqual(
      [status, json],
      [200, { local_api_key: LOCAL_KEY, candidate_urls: ['http://127.0.0.1:8018'], mdns_name: null }],
    );
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal((await ask('GET', '/local-key')).bytes.toString(), LOCAL_KEY);
    assert.equal((await ask('GET', '/camera', { key: LOCAL_KEY })).status, 200);
    door.open(['relab']);
    assert.equal((await ask('GET', '/camera', { key: null })).status, 200);
    for (const path of ['/local-key', '/system/local-access'])
      assert.equal((await ask('GET', path, { key: null })).status, 403, path);
  });

  it("says that it is paired by Redeye's own way, and that RELab's is left out", async () => {
    assert.deepEqual((await ask('GET', '/pairing/state')).json, { status: 'paired', relay_enabled: false });
    const setup = await ask('GET', '/setup');
    assert.deepEqual([setup.status, setup.headers.get('location')], [307, '/']);
    for (const [method, path] of [
      ['DELETE', '/pairing'],
      ['POST', '/pairing/code'],
    ] as const) {
      const left = await ask(method, path);
      assert.deepEqual([left.status, left.json.code], [501, 'dialect.left_out']);
    }
  });

  it('tells what it answers, as a page and for programs: every route of its tabs, and no other', async () => {
    const { status, json, headers } = await ask('GET', '/openapi.json');
    assert.deepEqual(
      [status, json.openapi, headers.get('content-type')],
      [200, '3.1.0', 'application/json; charset=utf-8'],
    );
    const told = Object.entries(
      json.paths as Record<string, Record<string, { tags: string[]; operationId: string }>>,
    ).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]) => ({ call: `${method} ${path}`, ...one })),
    );
    const ids = told.map(({ operationId }) => operationId);
    assert.deepEqual([...new Set(ids)], ids);
    // As Express writes them: `:id`, `:what(start|stop)`, `*`.
    const plain = (url: string) => url.replace(/:(\w+)(\([^)]*\))?/g, '{$1}').replace('*', '{path}');
    const shipped = ['relab-camera', 'compucyto-camera'].flatMap((name) => {
      const tab = readFileSync(new URL(`../../../flows/edge/${name}.json`, import.meta.url), 'utf8');
      const nodes = JSON.parse(tab) as { type: string; method: string; url: string }[];
      return nodes.filter(({ type }) => type === 'http in').map(({ method, url }) => `${method} ${plain(url)}`);
    });
    const flows = told.filter(({ tags }) => tags[0] !== 'live').map(({ call }) => call);
    assert.deepEqual(flows.sort(), shipped.sort());
    const page = await ask('GET', '/docs');
    assert.deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
    for (const path of Object.keys(json.paths)) assert.ok(page.bytes.includes(path), path);
    assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
    assert.equal((await ask('POST', '/docs')).status, 405);
    assert.equal((await ask('GET', '/openapi.json', { key: null })).status, 401);
    const person = await ask('GET', '/docs', { key: null, headers: { Accept: 'text/html' } });
    assert.deepEqual([person.status, person.headers.get('location')], [303, '/login?redirect_url=%2Fdocs']);
  });
});
