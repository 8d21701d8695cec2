import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CameraRecord, CaptureRecord, DeviceRecord } from '../../runtime/contracts/api.ts';
import type { CameraTest } from '../../runtime/contracts/cameras.ts';
import { shelfRois } from '../../runtime/media/sim/shelf-timetable.ts';
import { closedPort } from '../support/ports.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { assertNoGap } from '../support/server-api.ts';
import { jobsSettle, ServerUnderTest } from '../support/servers.ts';

const CAMERA = 'shelf';
const BROKEN = 'broken';
/** The scene's hand comes every 12 s and stays for 5. */
const NEXT_EVENT_MS = 45_000;

describe("the server's own cameras", function () {
  this.timeout(120_000);
  let server: ServerUnderTest;

  before(async () => {
    server = await ServerUnderTest.start({
      DATABASE_URL: (await startPostgres()).url(),
      CAMERA_URL_ALLOW: '127.0.0.0/8',
    });
    await server.api.put('/devices/server/config', {
      capture_interval_s: 0.5,
      burst_fps: 5,
      burst_duration_s: 2,
      burst_cooldown_s: 0,
      interaction_threshold: 0.09,
    });
    const broken = `rtsp://eve:s3cret-word@127.0.0.1:${await closedPort()}/cam`;
    await server.api.post('/cameras', { id: BROKEN, name: 'Broken', url: broken });
    await server.api.post('/cameras', { id: CAMERA, name: 'Shelf', url: 'sim:shelf' });
    await server.api.put(`/cameras/${CAMERA}/rois`, { rois: shelfRois });
  });

  after(async () => {
    await server?.end();
  });

  it('a camera added by the API has captures and an event in its region, without any device', async () => {
    const event = await server.program.while(
      'an interaction has begun and ended',
      async () => (await server.api.events('interaction_detected')).find(({ state }) => state === 'closed'),
      NEXT_EVENT_MS,
    );
    assert.deepEqual([event.device, event.camera], ['server', CAMERA]);
    const names = shelfRois.map(({ name }) => name);
    assert.ok(event.rois.length > 0 && event.rois.every((roi) => names.includes(roi)), event.rois.join());
    assert.equal((await server.api.picture(event.images.thumb ?? 'no thumb')).readUInt16BE(0), 0xffd8);
    const { state } = await server.api.get<DeviceRecord>('/devices/server');
    assert.equal(state, 'online');
  });

  it('one that does not answer is told as failed, and takes nothing from the other', async () => {
    const captures = await server.api.captures('server');
    assert.deepEqual([...new Set(captures.map(({ camera }) => camera))], [CAMERA]);
    assertNoGap(captures);
    // The first one waits for its driver.
    assertPace(captures.slice(1, 10));
    const cameras = await server.api.get<{ items: CameraRecord[] }>('/cameras');
    const states = Object.fromEntries(cameras.items.map(({ id, state }) => [id, state]));
    assert.deepEqual(states, { [BROKEN]: 'failed', [CAMERA]: 'live' });
    assert.doesNotMatch(server.program.lines.join('\n'), /s3cret-word/);
  });

  it('numbers go on over a restart and over a kill: none twice, none left out', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const before = await server.api.lastSeq('server');
      await server.end(signal);
      await server.start();
      await server.program.while('frames come again', async () => (await server.api.lastSeq('server')) > before + 3);
      const captures = await server.api.captures('server');
      assertNoGap(captures);
      const moments = captures.map(({ captured_at }) => captured_at);
      assert.equal(new Set(moments).size, moments.length, 'no picture is there twice');
    }
  });

  it('a flow with hls-out hears of somebody who watches', async () => {
    const told: { viewers: number; state: string; change: string }[] = [];
    const ear = createHttpServer(async (req, res) => {
      told.push(JSON.parse(Buffer.concat(await req.toArray()).toString()));
      res.end();
    }).listen(0, '127.0.0.1');
    await once(ear, 'listening');
    await server.end();
    const flow = watchingFlow(`http://127.0.0.1:${(ear.address() as AddressInfo).port}/`);
    await writeFile(join(server.flowsDir, 'server', 'watch.json'), JSON.stringify(flow));
    await server.start();
    await server.program.while('the stream is kept running', () => told.some(({ state }) => state === 'live'));
    assert.ok(told.every(({ viewers }) => viewers === 0));
    const { token } = await server.api.post<{ token: string }>(`/cameras/${CAMERA}/stream-token`, {});
    const playlist = await fetch(`${server.url}/api/v1/cameras/${CAMERA}/hls/index.m3u8?token=${token}`);
    assert.equal(playlist.status, 200);
    await server.program.while('the flow hears of the viewer', () => told.some(({ viewers }) => viewers === 1));
    await server.program.while('and that nobody is left', () => told.at(-1)?.viewers === 0, 40_000);
    assert.deepEqual(
      told.filter(({ change }) => change === 'viewers').map(({ viewers }) => viewers),
      [1, 0],
    );
    ear.close();
  });

  it('says in words what comes of an address, without its password', async () => {
    const good = await server.api.post<CameraTest>('/cameras/test', { url: 'sim:gradient?width=640&height=360' });
    assert.ok(good.ok, JSON.stringify(good));
    assert.deepEqual([good.driver, good.width, good.height, good.live.works], ['sim', 640, 360, true]);
    const url = `rtsp://eve:s3cret-word@127.0.0.1:${await closedPort()}/cam`;
    const bad = await server.api.post<CameraTest>('/cameras/test', { url });
    assert.ok(!bad.ok);
    assert.equal(bad.code, 'camera.unreachable');
    assert.match(bad.reason, /refused|not reached|nobody/i);
    assert.doesNotMatch(JSON.stringify(bad), /s3cret-word/);
  });

  it('every picture is analysed once; a camera that is removed gives no more', async () => {
    await server.api.delete(`/cameras/${CAMERA}`);
    const { done, dead } = await jobsSettle(server.api);
    const captures = await server.api.captures('server');
    assert.deepEqual([done, dead], [captures.length, 0]);
    assertNoGap(captures);
  });
});

/** hls-out, kept ready, which posts what it hears. */
function watchingFlow(url: string) {
  const place = { z: 'watch0000000001', x: 100, y: 100, version: 1 };
  const func = 'msg.payload = { ...msg.payload, change: msg.change }; return msg;';
  return [
    { id: 'watch0000000001', type: 'tab', label: 'Watch', disabled: false, info: '' },
    { id: 'watch0000000002', type: 'camera', name: '', version: 1, camera: CAMERA },
    {
      id: 'watch0000000003',
      type: 'hls-out',
      name: '',
      ...place,
      camera: 'watch0000000002',
      started: true,
      wires: [['watch0000000004']],
    },
    { id: 'watch0000000004', type: 'function', name: '', ...place, func, outputs: 1, wires: [['watch0000000005']] },
    { id: 'watch0000000005', type: 'http request', name: '', ...place, method: 'POST', ret: 'txt', url, wires: [[]] },
  ];
}

/** At rest a picture comes every 0.5 s; a busy machine may skip some, but never comes early. */
function assertPace(captures: readonly CaptureRecord[]): void {
  const times = captures.map(({ captured_at }) => Date.parse(captured_at));
  const steps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  assert.ok(Math.min(...steps) > 150, `a burst has 200 ms at least: ${steps.join()}`);
}
