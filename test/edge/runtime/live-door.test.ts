import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { Access, hashOfKey } from '../../../edge/runtime/access.ts';
import { LiveDoor } from '../../../edge/runtime/live-door.ts';
import { LiveGate } from '../../../edge/runtime/live-gate.ts';
import { createEdgeLiveHost } from '../../../edge/runtime/live-host.ts';
import { Pages } from '../../../edge/runtime/pages.ts';
import { PlayerFiles } from '../../../edge/runtime/player-files.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { type CameraSet, createCameraSet } from '../../../runtime/media/camera-set.ts';
import { freePorts } from '../../support/ports.ts';
import { until } from '../../support/until.ts';
import { WhepClient } from '../../support/whep-client.ts';

const run = promisify(execFile);
const KEY = 'key-of-the-device';
const withKey = { 'X-API-Key': KEY };

describe("the device's own live pictures", () => {
  let cameras: CameraSet;
  let gate: LiveGate;
  let pages: Pages;
  let url: string;
  let udpPort: number;
  const common = { clock: systemClock, log: silentLog };

  beforeEach(async () => {
    [udpPort = 0] = await freePorts(1);
    cameras = createCameraSet(common);
    await cameras.start();
    cameras.define({ id: 'pi-cam', url: 'sim:gradient?width=320&fps=10' });
    gate = new LiveGate({ ...common, cameras, ffmpegPath: 'ffmpeg', host: '127.0.0.1', udpPort });
    const access = new Access({ device: 'pi', keyHashes: [hashOfKey(KEY)], clock: systemClock });
    pages = new Pages({
      ...common,
      port: 0,
      host: '127.0.0.1',
      health: () => ({ device: 'pi' }) as never,
      access,
      doors: [new LiveDoor({ gate, access, cameras, clock: systemClock })],
      player: new PlayerFiles('/nowhere'),
      cameras: () => cameras.ids(),
    });
    await pages.start();
    await until('it listens', () => pages.server.listening);
    url = `http://127.0.0.1:${(pages.server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    await pages.stop();
    await gate.stop();
    await cameras.stop();
  });

  const call = async (path: string, init: RequestInit = { headers: withKey }) => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  };
  const token = async () =>
    (await call('/api/v1/cameras/pi-cam/stream-token', { method: 'POST', headers: withKey })).json.token;

  it('are refused to whoever shows no key of the device', async () => {
    const paths = ['live', 'whep', 'hls/index.m3u8', 'mjpeg', 'snapshot.jpg', 'stream-token'];
    for (const path of [
      ...paths.map((rest) => `/api/v1/cameras/pi-cam/${rest}`),
      '/pi-cam/index.m3u8',
      '/hls/pi-cam/index.m3u8',
    ]) {
      assert.equal((await call(path, {})).status, 401, path);
    }
    assert.equal((await call('/pi-cam/whep', { method: 'POST' })).status, 401);
    assert.equal((await call('/pi-cam/index.m3u8', { headers: { 'X-API-Key': 'another' } })).status, 401);
    const foreign = { Cookie: `X-API-Key=${KEY}`, 'Sec-Fetch-Site': 'cross-site' };
    const forged = await call('/pi-cam/whep', { method: 'POST', headers: foreign });
    assert.deepEqual([forged.status, forged.json.code], [403, 'csrf.refused']);
    assert.equal(gate.opened(), undefined);
  });

  it('are nothing in memory for a device that nobody watches', async () => {
    await call('/health', {});
    await call('/api/v1/cameras/pi-cam/live', {});
    await call('/pi-cam/index.m3u8', {});
    await call('/');
    assert.equal(gate.opened(), undefined);
    const ways = await call('/api/v1/cameras/pi-cam/live');
    assert.notEqual(gate.opened(), undefined);
    assert.deepEqual(
      [ways.status, ways.json.state, ways.json.ways.map(({ name }: { name: string }) => name)],
      [200, 'idle', ['whep', 'hls', 'mjpeg']],
    );
  });

  it('play by HLS in ffmpeg with a token alone, under all three paths', async () => {
    const query = `?token=${await token()}`;
    for (const root of ['/api/v1/cameras/pi-cam/hls', '/pi-cam', '/hls/pi-cam']) {
      const index = await call(`${root}/index.m3u8${query}`, {});
      assert.equal(index.status, 200, root);
      assert.match(index.text, /RESOLUTION=320x180/);
    }
    const { stdout } = await run('ffprobe', [
      '-v',
      'error',
      '-show_streams',
      '-of',
      'json',
      `${url}/pi-cam/index.m3u8${query}`,
    ]);
    const [stream] = JSON.parse(stdout).streams;
    assert.deepEqual([stream.codec_name, stream.width], ['h264', 320]);
    assert.equal((await call(`/pi-cam/index.m3u8${query}x`, {})).status, 401);
    assert.equal((await call(`/api/v1/cameras/pi-cam/whep${query}`, { method: 'POST', body: '' })).status, 401);
    assert.equal((await call('/api/v1/cameras/pi-cam/stream-token?x', { headers: {}, method: 'POST' })).status, 401);
  });

  it('play by WebRTC, on the API’s path and on that of players, until the session is ended', async () => {
    for (const root of ['/api/v1/cameras/pi-cam', '/pi-cam']) {
      const player = new WhepClient();
      try {
        const body = await player.offer();
        const headers = { ...withKey, 'Content-Type': 'application/sdp' };
        const opened = await call(`${root}/whep`, { method: 'POST', headers, body });
        assert.equal(opened.status, 201, opened.text);
        player.take(opened.text);
        await until('pictures come', () => player.pictures.length >= 5);
        const session = opened.headers.get('location') ?? '';
        assert.ok(session.startsWith(`${root}/whep/`));
        // The session's own address is enough.
        assert.equal((await call(session, { method: 'DELETE' })).status, 200);
        assert.equal((await call(session, { method: 'DELETE' })).status, 404);
      } finally {
        player.close();
      }
    }
    assert.equal((await call('/pi-cam/whep', { method: 'POST', headers: withKey, body: 'x' })).status, 400);
    assert.equal(
      (await call('/api/v1/cameras/pi-cam/whep', { method: 'POST', headers: withKey, body: 'x' })).status,
      415,
    );
  });

  it('say which setting is wrong when the UDP port is taken, and HLS goes on', async () => {
    const other = createSocket('udp4');
    other.bind(udpPort, '127.0.0.1');
    await once(other, 'listening');
    try {
      const ways = await call('/api/v1/cameras/pi-cam/live');
      const why = `EDGE_WEBRTC_UDP_PORT: UDP port ${udpPort} is in use by another program`;
      assert.deepEqual(ways.json.ways[0], { name: 'whep', reason: why });
      const headers = { ...withKey, 'Content-Type': 'application/sdp' };
      const refused = await call('/pi-cam/whep', { method: 'POST', headers, body: 'v=0' });
      assert.deepEqual([refused.status, refused.json.code, refused.json.message], [503, 'webrtc.unavailable', why]);
      assert.equal((await call('/pi-cam/index.m3u8')).status, 200);
    } finally {
      other.close();
    }
  });

  it('are pictures one after the other, and single ones', async () => {
    const snapshot = await fetch(`${url}/api/v1/cameras/pi-cam/snapshot.jpg?width=160`, { headers: withKey });
    assert.deepEqual([snapshot.status, snapshot.headers.get('content-type')], [200, 'image/jpeg']);
    const jpeg = Buffer.from(await snapshot.arrayBuffer());
    assert.equal(jpeg.readUInt16BE(0), 0xffd8);
    const ending = new AbortController();
    const mjpeg = await fetch(`${url}/api/v1/cameras/pi-cam/mjpeg`, { headers: withKey, signal: ending.signal });
    assert.equal(mjpeg.headers.get('content-type'), 'multipart/x-mixed-replace; boundary=FRAME');
    let bytes = 0;
    for await (const part of mjpeg.body ?? []) {
      bytes += part.length;
      if (bytes > 20_000) break;
    }
    ending.abort();
    const nobody = await call('/api/v1/cameras/nobody/snapshot.jpg');
    assert.deepEqual([nobody.status, nobody.json.code], [404, 'camera.not_found']);
    assert.equal((await call('/nobody/index.m3u8')).json.code, 'route.not_found');
  });

  it('are told to flows, who keep them ready and hear of viewers', async () => {
    const host = createEdgeLiveHost(gate, cameras, silentLog);
    assert.equal(host.status('', 'hls').state, 'idle');
    assert.equal(host.status('none', 'hls').state, 'failed');
    assert.equal(gate.opened(), undefined);
    const heard: string[] = [];
    const unwatch = host.watch('pi-cam', 'mjpeg', ({ state, viewers }) => heard.push(`${state} ${viewers}`));
    const release = host.keepWarm('pi-cam', 'mjpeg');
    await until('it runs', () => heard.some((one) => one === 'live 0'));
    const ending = new AbortController();
    await fetch(`${url}/api/v1/cameras/pi-cam/mjpeg`, { headers: withKey, signal: ending.signal });
    await until('somebody watches', () => heard.includes('live 1'));
    ending.abort();
    await until('nobody watches', () => heard.at(-1) === 'live 0');
    release();
    unwatch();
  });
});
