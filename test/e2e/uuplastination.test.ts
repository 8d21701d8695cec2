import assert from 'node:assert/strict';
import { TokenVerifier } from 'livekit-server-sdk';
import sharp from 'sharp';
import { type Came, type DialectClient, dialectClient } from '../support/dialect-client.ts';
import { LivekitStandIn } from '../support/livekit.ts';
import { freePorts } from '../support/ports.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

const STATUS_FIELDS = [
  'available',
  'backend',
  'camera_num',
  'current_mode',
  'framerate',
  'opencv_available',
  'picamera2_available',
  'publisher',
  'resolution',
  'running',
  'stream',
];
const HEALTH_FIELDS = [
  'api_credentials_configured',
  'disabled',
  'effective_host',
  'ice_servers_count',
  'livekit_host_env',
  'reachability',
  'recommendations',
];

const fields = (value: object) => Object.keys(value).sort();

/** Seed 001 §2.2, row by row: opened, with one drawn camera, a stand-in of LiveKit and the simulated motor. */
describe('S1: the dashboard of uuplastination, opened', function () {
  this.timeout(120_000);
  let server: ServerUnderTest;
  let livekit: LivekitStandIn;
  let client: DialectClient;
  const ask: DialectClient['ask'] = (...asked) => client.ask(...asked);
  const plain: DialectClient['plain'] = (...asked) => client.plain(...asked);

  before(async () => {
    livekit = await new LivekitStandIn().start();
    server = await ServerUnderTest.start({
      LIVEKIT_HOST: livekit.url,
      LIVEKIT_API_KEY: livekit.apiKey,
      LIVEKIT_API_SECRET: livekit.apiSecret,
      LIVEKIT_ICE_SERVERS: 'turns:turn.example:5349?transport=tcp',
      TURN_STATIC_SECRET: 'planted-secret-of-the-relay',
      OPEN_DIALECTS: 'uuplastination',
      DIALECT_CAMERA: 'bench',
    });
    client = await dialectClient(server);
  });

  after(async () => {
    await server?.end();
    await livekit?.stop();
  });

  it('without a camera: nothing runs, the stream is 503, and start says so with 200', async () => {
    const { status, json } = await plain('GET', '/camera/status');
    assert.deepEqual([status, fields(json)], [200, STATUS_FIELDS]);
    const { publisher, ...rest } = json;
    assert.deepEqual(rest, {
      running: false,
      camera_num: 0,
      resolution: '1920x1080',
      framerate: 30,
      available: false,
      backend: 'none',
      picamera2_available: false,
      opencv_available: false,
      current_mode: null,
      stream: null,
    });
    assert.deepEqual([publisher.status, publisher.detail], ['missing', null]);
    for (const path of ['/camera/start', '/camera/stop']) {
      const none = await plain('POST', path);
      assert.deepEqual([none.status, none.json], [200, { status: 'error', message: 'there is no camera' }], path);
    }
    assert.equal((await plain('GET', '/camera/stream.mjpg')).status, 503);
    const snapshot = await plain('GET', '/camera/snapshot');
    assert.deepEqual([snapshot.status, snapshot.headers.get('content-type')], [503, 'text/plain; charset=utf-8']);
    const config = await plain('GET', '/webrtc/config');
    assert.deepEqual([config.status, config.json.iceServers], [200, []]);
    await server.api.post('/cameras', { id: 'bench', name: 'Bench', url: 'sim:gradient?width=640&height=480&fps=10' });
  });

  it('asks for the camera, also below /secure: status, start, moving pictures, stop, snapshot', async () => {
    const { status, json } = await plain('GET', '/secure/camera/status');
    assert.deepEqual([status, fields(json)], [200, STATUS_FIELDS]);
    assert.deepEqual(
      [json.camera_num, json.resolution, json.framerate, json.available, json.publisher.status],
      [0, '640x480', 10, true, 'missing'],
    );
    assert.deepEqual([json.backend, json.picamera2_available, json.opencv_available], ['opencv', false, true]);
    const [nobody = 0] = await freePorts(1);
    const { id } = await server.api.post<{ id: string }>('/cameras/bench/streams', {
      type: 'rtmp',
      url: `rtmp://127.0.0.1:${nobody}/live`,
      key: 'planted-key-of-a-push',
    });
    const publisher = await until('the dashboard hears that nobody takes it', async () => {
      const told = (await plain('GET', '/camera/status')).json.publisher;
      return told.status === 'error' && told;
    });
    assert.deepEqual(fields(publisher), ['detail', 'pid', 'status', 'ts']);
    assert.ok(publisher.detail.startsWith(`${id}: `));
    assert.ok(Number.isInteger(publisher.pid) && Math.abs(publisher.ts - Date.now() / 1000) < 60, 'in seconds');
    assert.equal((await ask('DELETE', `/api/v1/streams/${id}`)).status, 204);
    assert.equal((await plain('GET', '/camera/status')).json.publisher.status, 'missing');

    assert.deepEqual((await plain('POST', '/camera/start')).json, { status: 'started' });
    assert.equal((await plain('GET', '/camera/status')).json.running, true);
    for (const path of ['/camera/stream.mjpg', '/secure/camera/stream.mjpg']) {
      const ending = new AbortController();
      const stream = await fetch(server.url + path, { signal: ending.signal });
      assert.equal(stream.headers.get('content-type'), 'multipart/x-mixed-replace; boundary=FRAME');
      assert.deepEqual(
        [stream.headers.get('x-accel-buffering'), stream.headers.get('cache-control')],
        ['no', 'no-store'],
      );
      const { value = [] } = (await stream.body?.getReader().read()) ?? {};
      const head = Buffer.from(value).toString('latin1');
      assert.match(head, /^--FRAME\r\n/);
      ending.abort();
    }
    assert.deepEqual((await plain('POST', '/secure/camera/stop')).json, { status: 'stopped' });
    for (const path of ['/camera/snapshot', '/secure/camera/snapshot']) {
      const snapshot = await plain('GET', path);
      assert.deepEqual([snapshot.status, snapshot.headers.get('content-type')], [200, 'image/jpeg']);
      const { format, width, height } = await sharp(snapshot.bytes).metadata();
      assert.deepEqual([format, width, height], ['jpeg', 640, 480]);
    }
  });

  it('asks for the machine: both of its figures, field by field', async () => {
    for (const path of ['/api/stats', '/secure/api/stats']) {
      const { status, json: stats } = await plain('GET', path);
      assert.deepEqual(
        [status, fields(stats)],
        [200, ['cpu', 'memory', 'network', 'os', 'ports', 'services', 'timestamp', 'uptime_seconds']],
      );
      assert.deepEqual(fields(stats.cpu), ['temp_c', 'usage_percent']);
      assert.ok(stats.cpu.temp_c === null || typeof stats.cpu.temp_c === 'number');
      assert.ok(stats.cpu.usage_percent >= 0 && stats.cpu.usage_percent <= 100);
      assert.deepEqual(fields(stats.memory), ['available', 'percent', 'total', 'used']);
      assert.equal(stats.memory.used, stats.memory.total - stats.memory.available);
      assert.ok(stats.memory.percent > 0 && stats.memory.percent < 100);
      assert.ok(Number.isInteger(stats.uptime_seconds));
      assert.deepEqual(fields(stats.network), ['internet_reachable', 'ipv4_addresses']);
      assert.ok(stats.network.ipv4_addresses.every((address: string) => /^\d+(\.\d+){3}$/.test(address)));
      assert.deepEqual(stats.services, {
        camera: 'active',
        stepper: 'active',
        nginx: 'unknown',
        tailscaled: 'unknown',
        webhook_deploy: 'unknown',
      });
      assert.deepEqual(stats.ports, { rtsp_8554: false, api_8000: true });
      assert.deepEqual(fields(stats.os), ['arch', 'kernel', 'pretty_name']);
      for (const text of Object.values(stats.os)) assert.equal(typeof text, 'string');
      assert.ok(Math.abs(Date.parse(stats.timestamp) - Date.now()) < 60_000);
    }
    const { status, json: metrics } = await plain('GET', '/api/system/metrics');
    assert.deepEqual([status, fields(metrics)], [200, ['cpuTemp', 'cpuUsage', 'memoryTotal', 'memoryUsage', 'uptime']]);
    assert.match(metrics.uptime, /^\d+d \d+h \d+m$/);
    assert.ok(metrics.memoryTotal > metrics.memoryUsage && metrics.memoryTotal < 10_000, 'in GB');
    assert.ok(metrics.cpuUsage >= 0 && metrics.cpuUsage <= 100);
    assert.equal((await plain('GET', '/api/metrics')).status, 404);
  });

  it('finds the dashboard at /, and a way out', async () => {
    const page = await fetch(`${server.url}/`, { headers: { Accept: 'text/html' } });
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
    for (const path of ['/logout', '/secure/logout']) {
      const { status, json } = await plain('GET', path);
      assert.deepEqual([status, fields(json), typeof json.message], [200, ['message'], 'string'], path);
    }
  });

  it('gives tokens to watch, tokens to publish to devices only, and ingress keys to administrators only', async () => {
    const config = await plain('GET', '/webrtc/config');
    assert.deepEqual([config.status, fields(config.json)], [200, ['disabled', 'host', 'iceServers', 'notes']]);
    const { host, disabled, notes } = config.json;
    assert.deepEqual([host, disabled, notes], [livekit.url.replace('http', 'ws'), false, []]);
    // With credentials: without them no TURN lets anybody in (§4.2).
    const [turn] = config.json.iceServers;
    assert.deepEqual(turn.urls, ['turns:turn.example:5349?transport=tcp']);
    assert.match(turn.username, /^\d+/);
    assert.match(turn.credential, /^[A-Za-z0-9+/]{27}=$/);
    const verifier = new TokenVerifier(livekit.apiKey, livekit.apiSecret);
    const videoOf = async ({ json }: Came) => (await verifier.verify(json.token)).video;
    const watching = await plain('GET', '/secure/webrtc/token?room=plastination');
    assert.match(watching.json.identity, /^web-[0-9a-f]{8}$/);
    assert.deepEqual([watching.status, fields(watching.json)], [200, ['identity', 'token']]);
    const [head = '', payload = ''] = watching.json.token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    assert.equal(JSON.parse(Buffer.from(head, 'base64url').toString()).alg, 'HS256');
    assert.deepEqual([claims.iss, claims.sub, claims.exp - claims.nbf], [livekit.apiKey, watching.json.identity, 610]);
    assert.ok(Math.abs(claims.nbf + 10 - Date.now() / 1000) < 30);
    const named = await plain('GET', '/webrtc/token?identity=web-anna');
    assert.deepEqual([named.status, named.json.identity], [200, 'web-anna']);
    assert.equal((await plain('GET', '/webrtc/token?role=owner')).status, 422);
    const viewer = await videoOf(watching);
    assert.equal(viewer?.roomJoin, true);
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
    const well = await plain('GET', '/webrtc/health');
    assert.deepEqual([well.status, fields(well.json)], [200, HEALTH_FIELDS]);
    const { livekit_host_env, api_credentials_configured, ice_servers_count } = well.json;
    assert.deepEqual(
      [livekit_host_env, well.json.effective_host, api_credentials_configured, ice_servers_count, well.json.disabled],
      [livekit.url.replace('http', 'ws'), livekit.url.replace('http', 'ws'), true, 1, false],
    );
    assert.equal(well.json.reachability, 'ok');
    livekit.hasRedis = false;
    const { json: health } = await plain('GET', '/webrtc/diagnostics');
    assert.deepEqual(fields(health), [...HEALTH_FIELDS, 'checks', 'sample_token_prefix', 'token_issuance'].sort());
    assert.deepEqual([health.reachability, health.token_issuance, health.sample_token_prefix], ['ok', true, null]);
    assert.match(health.recommendations.join(), /no Redis/);
  });

  it('moves the motor as its tables say', async () => {
    const motor = async (method: string, path: string) => {
      const { status, json } = await plain(method, `/api/stepper/${path}`);
      return [status, json];
    };
    assert.deepEqual(await motor('GET', 'healthz'), [200, { status: 'ok' }]);
    const state = async () => (await motor('GET', 'status'))[1] as Record<string, unknown>;
    const resting = { enabled: false, moving: false, position_steps: 0, worker_alive: true, last_error: null };
    assert.deepEqual(await state(), { ...resting, steps_per_rev: 200, default_rpm: 60 });
    // The node lets five commands pass a second, and says so to more.
    const late = (method: string, path: string) =>
      until('the motor takes a command', async () => {
        const answer = await motor(method, path);
        return answer[0] !== 429 && answer;
      });
    assert.equal((await late('POST', 'step?steps=10'))[0], 409);
    assert.deepEqual(await late('POST', 'enable'), [200, { result: 'enabled' }]);
    for (const wrong of [
      'step?steps=many',
      'step',
      'step?steps=1&direction=up',
      'step?steps=1&rpm=0',
      'open?rpm=fast',
    ]) {
      const [status, json] = (await late('POST', wrong)) as [number, { detail: { loc: string[] }[] }];
      assert.deepEqual([status, json.detail[0]?.loc[0]], [422, 'query'], wrong);
    }
    assert.deepEqual(await late('POST', 'step?steps=400&rpm=60&direction=fwd'), [
      200,
      { result: 'moving', requested_steps: 400, rpm: 60 },
    ]);
    assert.deepEqual([(await state()).enabled, (await state()).moving], [true, true]);
    for (const path of ['open', 'close', 'step?steps=1', 'valve/open'])
      assert.equal((await late('POST', path))[0], 409, path);
    assert.equal((await motor('POST', 'disable'))[0], 409);
    assert.deepEqual(await motor('POST', 'abort'), [200, { result: 'aborted' }]);
    assert.deepEqual(await late('POST', 'step?steps=20&rpm=300&direction=rev'), [
      200,
      { result: 'moving', requested_steps: -20, rpm: 300 },
    ]);
    await until('it has moved', async () => !(await state()).moving);
    assert.deepEqual(await motor('GET', 'valve/position'), [200, { position: 45 }]);
    assert.deepEqual(await late('POST', 'open?rpm=300'), [200, { result: 'moving-open', steps: 200 }]);
    assert.deepEqual(await motor('POST', 'abort'), [200, { result: 'aborted' }]);
    assert.deepEqual(await late('POST', 'close'), [200, { result: 'moving-close', steps: -200 }]);
    assert.deepEqual(await motor('POST', 'abort'), [200, { result: 'aborted' }]);
    assert.deepEqual(await late('POST', 'valve/open'), [200, { result: 'opened', position: 50 }]);
    await until('the valve is there', async () => !(await state()).moving);
    assert.deepEqual(await late('POST', 'valve/close'), [200, { result: 'closed', position: 45 }]);
    await until('the valve is there', async () => !(await state()).moving);
    const valve = await until('the valve opens', async () => {
      const answer = await plain('POST', '/api/valve/open');
      return answer.status !== 429 && answer;
    });
    assert.deepEqual([valve.status, valve.json], [200, 'OK']);
    assert.deepEqual(await motor('POST', 'abort'), [200, { result: 'aborted' }]);
    assert.deepEqual(await motor('POST', 'disable'), [200, { result: 'disabled' }]);
    assert.equal((await plain('GET', '/secure/api/stepper/status')).json.enabled, false);
    const off = await until('the valve hears it', async () => {
      const answer = await plain('POST', '/api/valve/close');
      return answer.status !== 429 && answer;
    });
    assert.deepEqual([off.status, off.json.code], [409, 'stepper.disabled']);
  });
});
