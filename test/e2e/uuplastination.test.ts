import assert from 'node:assert/strict';
import { TokenVerifier } from 'livekit-server-sdk';
import sharp from 'sharp';
import { type Came, type DialectClient, dialectClient } from '../support/dialect-client.ts';
import { LivekitStandIn } from '../support/livekit.ts';
import { freePorts } from '../support/ports.ts';
import { ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

/** Seed 001 §2.2: opened, with one drawn camera, a stand-in of LiveKit and the simulated motor. */
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
      OPEN_DIALECTS: 'uuplastination',
      DIALECT_CAMERA: 'bench',
    });
    await server.api.post('/cameras', { id: 'bench', name: 'Bench', url: 'sim:gradient?width=640&height=480&fps=10' });
    client = await dialectClient(server);
  });

  after(async () => {
    await server?.end();
    await livekit?.stop();
  });

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
