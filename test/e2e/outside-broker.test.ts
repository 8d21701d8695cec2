import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import sharp from 'sharp';
import type { DeploymentRecord, DeviceFlows } from '../../runtime/contracts/deployments.ts';
import { deviceTopics } from '../../runtime/contracts/topics.ts';
import { temporaryFolder } from '../support/folders.ts';
import { leaks } from '../support/leaks.ts';
import { Mosquitto, SERVER_LOGIN } from '../support/mosquitto.ts';
import { freePorts, isTaken } from '../support/ports.ts';
import { EdgeUnderTest, ServerUnderTest } from '../support/servers.ts';
import { until } from '../support/until.ts';

interface Ready {
  checks: Record<string, string>;
}

/** The status of an upgrade to MQTT over WebSocket. */
function upgrade(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'mqtt' };
    request(`${url}/mqtt`, { headers }, ({ statusCode }) => resolve(statusCode))
      .on('upgrade', (_response, socket) => resolve(void socket.destroy()))
      .on('error', reject)
      .end();
  });
}

describe('a server with MQTT_URL', function () {
  this.timeout(180_000);
  let mosquitto: Mosquitto;
  let server: ServerUnderTest;
  let edge: EdgeUnderTest | undefined;
  let mqttPort: number;

  before(async () => {
    // As deploy/mosquitto has it: over TLS.
    mosquitto = await Mosquitto.make({ tls: true });
    await mosquitto.start();
    leaks.plant('the password in MQTT_URL', 'long and secret');
    leaks.plant('the same, as it is written there', 'long%20and%20secret');
    const file = join(await temporaryFolder('outside-broker'), 'mqtt-url');
    await writeFile(file, `${mosquitto.url(SERVER_LOGIN)}\n`);
    [mqttPort = 0] = await freePorts(1);
    const trust = { NODE_EXTRA_CA_CERTS: mosquitto.caFile ?? '' };
    server = await ServerUnderTest.start({
      MQTT_URL_FILE: file,
      MQTT_PORT: `${mqttPort}`,
      HA_DISCOVERY: 'true',
      ...trust,
    });
  });
  after(async () => {
    await edge?.end();
    await server?.end();
    await mosquitto.stop();
  });

  const ready = async () => (await (await fetch(`${server.url}/readyz`)).json()) as Ready;

  it('listens to no MQTT itself, and tells devices the outside broker', async () => {
    assert.equal(await isTaken(mqttPort), false);
    assert.equal(await upgrade(server.url), 503);
    const { api_key } = await server.device('pi-1');
    const url = `${server.url}/api/v1/device/config?device_id=pi-1`;
    const { mqtt } = (await (await fetch(url, { headers: { 'X-DEVICE-KEY': api_key } })).json()) as { mqtt: object };
    assert.deepEqual(mqtt, { url: mosquitto.url(), root: 'redeye/v1/home' });
  });

  it('takes frames while the broker is away, says that it is, and is ready when it is back', async () => {
    const { api_key } = await server.device('pi-2');
    const { checks } = await ready();
    assert.deepEqual(
      ['database', 'broker', 'disk', 'flows'].map((name) => checks[name]),
      ['ok', 'ok', 'ok', 'ok'],
    );
    const first = await server.api.get<{ items: { id: string }[]; next: string }>('/devices?limit=1');
    const rest = await server.api.get<{ items: { id: string }[] }>(`/devices?cursor=${first.next}`);
    const ids = [...first.items, ...rest.items].map(({ id }) => id);
    assert.deepEqual([first.items.length, ids.sort()], [1, ['pi-1', 'pi-2', 'server']]);
    await mosquitto.end('SIGKILL');
    const why = await until('it says so', async () => {
      const { broker = '' } = (await ready()).checks;
      return broker !== 'ok' && broker;
    });
    assert.ok(why.startsWith(`MQTT_URL: no connection to ${mosquitto.url()}: `), why);
    assert.equal((await fetch(`${server.url}/readyz`)).status, 503);
    const image = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const meta = { device_id: 'pi-2', capture_ts: Date.now(), seq: 0, width: 16, height: 16, jpeg_quality: 80 };
    const sent = await fetch(`${server.url}/api/v1/ingest/frame`, {
      method: 'POST',
      headers: { 'X-DEVICE-KEY': api_key, 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...meta, image_b64: image.toString('base64') }),
    });
    assert.equal(sent.status, 201, await sent.text());
    await mosquitto.start();
    await until('it is ready again', async () => (await ready()).checks.broker === 'ok', 40_000);
  });

  it('carries a whole device over TLS: flows are deployed to it, and Home Assistant hears of it, its camera and its heartbeat', async () => {
    const device = await server.device('pi-3');
    await mosquitto.user('pi-3', device.api_key);
    const ha = await mosquitto.connect({ username: 'homeassistant', password: 'ha secret' });
    const heard = new Map<string, string>();
    ha.on('message', (topic, payload) => heard.set(topic, payload.toString()));
    await ha.subscribeAsync(['homeassistant/#', 'redeye/v1/home/#'], { qos: 1 });
    // New flows have to bring a picture before they count as good.
    await server.api.put('/devices/pi-3/config', { capture_interval_s: 1 });
    const settings = { NODE_EXTRA_CA_CERTS: mosquitto.caFile ?? '', EDGE_WEBRTC_UDP_PORT: '0' };
    edge = await EdgeUnderTest.start(server, device, 'sim:gradient', settings);
    const before = await edge.program.while('it says what it runs', () =>
      server.api.get<DeviceFlows>('/devices/pi-3/flows').catch(() => undefined),
    );
    assert.equal(before.slot, 'own');
    const body = { target: 'device/pi-3', gates: { probation_s: 1 } };
    const made = await server.api.post<DeploymentRecord>('/deployments', body);
    const ended = await edge.program.while('the deployment ends', async () => {
      const now = await server.api.get<DeploymentRecord>(`/deployments/${made.id}`);
      return now.state !== 'running' && now;
    });
    assert.deepEqual(
      ended.devices.map(({ state, reason }) => [state, reason]),
      [['active', null]],
    );
    const topics = deviceTopics('home', 'pi-3');
    const saysOf = (topic: string) => JSON.parse(heard.get(topic) ?? '{}') as Record<string, unknown>;
    await until('Home Assistant hears its heartbeat', () => heard.has(topics.heartbeat));
    assert.equal(saysOf(topics.state).state, 'online');
    assert.equal(
      heard.has(topics.flowDesired) || heard.has(topics.flowReported),
      false,
      'what is none of its business',
    );
    const described = await until('and is told of the camera', () =>
      [...heard].find(
        ([topic, text]) => topic.startsWith('homeassistant/') && text.includes(topics.cameraState('pi-3-cam')),
      ),
    );
    assert.ok(described[1].includes(topics.state), 'which is there when its device is');
  });
});
