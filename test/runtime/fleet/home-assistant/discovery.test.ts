import assert from 'node:assert/strict';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { EventMessage } from '../../../../runtime/contracts/events.ts';
import { describedCamera, discoveryTopic, homeAssistantId } from '../../../../runtime/contracts/home-assistant.ts';
import type { Db } from '../../../../runtime/db/db.ts';
import { migrate } from '../../../../runtime/db/migrate.ts';
import { openPglite } from '../../../../runtime/db/pglite.ts';
import { createUserStore } from '../../../../runtime/db/users.repo.ts';
import { createDevices, type Devices } from '../../../../runtime/devices.ts';
import { Accounts } from '../../../../runtime/http/auth/accounts.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { silentLog } from '../../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { emptyPglite } from '../../../support/pglite-image.ts';
import { freePorts } from '../../../support/ports.ts';
import { until } from '../../../support/until.ts';
import { checkDescription } from './integration.ts';

const ANNA = { name: 'user:anna' };
const HOSTILE = `Kasse "1" / + # {{ states }} </script> ü`;
const PICTURE = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);

describe('Home Assistant at our broker', function () {
  this.timeout(60_000);
  let db: Db;
  let devices: Devices;
  let accounts: Accounts;
  let folder: string;
  let url: string;
  const clients: MqttClient[] = [];
  const settings = (port: number) => ({
    SITE: 'home',
    HOST: '127.0.0.1',
    MQTT_PORT: port,
    DATA_DIR: folder,
    FLOWS_DIR: join(folder, 'flows'),
    SIGNING_KEY_FILE: '',
    HA_DISCOVERY: true,
  });
  const open = async () => {
    const [port = 0] = await freePorts(1);
    devices = createDevices({
      accounts,
      settings: settings(port),
      mqttHost: '127.0.0.1',
      secrets: { pepper: Buffer.alloc(32, 2), urls: Buffer.alloc(32, 3) },
      db,
      clock: systemClock,
      log: silentLog,
      checkUrl: async () => undefined,
      reservedCameraIds: new Set(),
      publicUrl: new URL('https://cams.example/redeye'),
      localCameraState: () => 'live',
      eventPicture: async () => PICTURE,
      version: '1.2.3',
    });
    url = `mqtt://127.0.0.1:${port}`;
    await devices.fleet.start();
    await devices.broker.start();
    await devices.homeAssistant?.start();
  };
  const close = async () => {
    for (const client of clients.splice(0)) client.end(true);
    await devices.homeAssistant?.stop();
    await devices.broker.stop();
    await devices.fleet.stop();
  };
  const connect = (options: IClientOptions): Promise<MqttClient> => {
    const client = mqtt.connect(url, { protocolVersion: 4, reconnectPeriod: 0, ...options });
    clients.push(client);
    return new Promise((resolve, reject) => {
      client.once('connect', () => resolve(client));
      client.once('error', reject);
    });
  };
  /** A program as Home Assistant is one: with its will, listening where it listens, and saying that it is there. */
  const homeAssistant = async (name: string, cameras: string[] | null = null) => {
    const user = await accounts.people.create({ name, role: 'viewer', cameras }, ANNA);
    const { password } = await accounts.people.addCredential(user.id, 'Home Assistant', ANNA);
    const will = { topic: 'homeassistant/status', payload: Buffer.from('offline'), qos: 0 as const, retain: false };
    const client = await connect({ username: name, password, clientId: `ha-${name}`, will });
    const heard = new Map<string, string>();
    const counts = new Map<string, number>();
    client.on('message', (topic, payload) => {
      heard.set(topic, payload.toString('latin1'));
      counts.set(topic, (counts.get(topic) ?? 0) + 1);
    });
    await client.subscribeAsync(['homeassistant/+/+/config', 'homeassistant/+/+/+/config'], { qos: 0 });
    const born = () => client.publishAsync('homeassistant/status', 'online', { qos: 0 });
    await born();
    const read = async (topic: string) =>
      JSON.parse(Buffer.from(await until(topic, () => heard.get(topic)), 'latin1').toString('utf8'));
    return { client, heard, counts, born, read };
  };
  const machine = discoveryTopic(homeAssistantId('home', 'machine', 'pi-1'));
  const camera = discoveryTopic(homeAssistantId('home', 'camera', 'pi-1-cam'));

  before(async () => {
    folder = await temporaryFolder('home-assistant');
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
    accounts = new Accounts({
      store: createUserStore(db),
      clock: systemClock,
      log: silentLog,
      key: Buffer.alloc(32, 1),
    });
    await open();
    await devices.fleet.registerBuiltIn();
    await devices.fleet.createDevice({ id: 'pi-1', name: HOSTILE }, ANNA);
  });
  after(async () => {
    await close();
    await db.close();
  });

  it('finds each device and each camera, in the form that it demands, names of people as they are', async () => {
    const { read, heard } = await homeAssistant('ha');
    const [pi, cam] = [await read(machine), await read(camera)];
    for (const [topic, text] of heard) checkDescription(topic, JSON.parse(Buffer.from(text, 'latin1').toString()));
    assert.equal(pi.dev.name, HOSTILE);
    assert.deepEqual([cam.dev.via_device], pi.dev.ids);
    assert.deepEqual(Object.keys(cam.cmps), ['motion', 'online', 'event', 'last']);
    assert.deepEqual(Object.keys(pi.cmps), ['online'], 'it has measured nothing yet');
    assert.deepEqual(
      cam.availability.map(({ topic }: { topic: string }) => topic),
      ['redeye/v1/home/server/state', 'redeye/v1/home/d/pi-1/state'],
    );
    assert.equal(cam.dev.cu, 'https://cams.example/redeye/live/pi-1-cam');
  });

  it('sees a sensor for what a device measures, once it has measured it', async () => {
    const { read, counts } = await homeAssistant('sensors');
    await read(machine);
    const health = { temperature_c: 61.5, disk_free_mb: 900, under_voltage: false, spool_frames: 0, mode: 'baseline' };
    await devices.fleet.heartbeat({ device_id: 'pi-1', rssi: -60, health });
    const pi = await until('the sensors', async () => {
      const now = await read(machine);
      return Object.keys(now.cmps).length > 1 && now;
    });
    checkDescription(machine, pi);
    assert.deepEqual(Object.keys(pi.cmps).sort(), [
      'disk_free_mb',
      'online',
      'rssi',
      'spool_frames',
      'temperature_c',
      'under_voltage',
    ]);
    assert.equal(pi.cmps.temperature_c.state_topic, 'redeye/v1/home/d/pi-1/hb');
    assert.equal(pi.cmps.temperature_c.value_template, '{{ value_json.health.temperature_c }}');
    // The camera was not said again for it, beyond the retained message and the birth.
    assert.ok((counts.get(camera) ?? 0) <= 2, `${counts.get(camera)}`);
  });

  it('is told everything again at its birth message, and not cut for it', async () => {
    const { client, read, counts, born } = await homeAssistant('birth');
    await read(camera);
    await until('the answer to its birth', () => (counts.get(camera) ?? 0) >= 2);
    const before = counts.get(camera) ?? 0;
    await born();
    await until('all again', () => (counts.get(camera) ?? 0) > before && (counts.get(machine) ?? 0) > before);
    assert.ok(client.connected);
  });

  it('hears events with their kind, and has the picture of the last one', async () => {
    const { client, heard, read } = await homeAssistant('events');
    await client.subscribeAsync('redeye/v1/home/d/pi-1/c/pi-1-cam/#', { qos: 1 });
    const event = { id: 'e', type: 'interaction_detected', device: 'pi-1', camera: 'pi-1-cam', score: 0.4 };
    const more = { stock_changed: null, started_at: '', ended_at: null, images: { thumb: '/t.jpg' } };
    const message = { v: 1, ts: 1, n: 1, phase: 'start', event: { ...event, ...more } } as unknown as EventMessage;
    const cam = await read(camera);
    const said = async (phase: 'start' | 'end') => {
      heard.delete(cam.cmps.event.state_topic);
      await devices.homeAssistant?.deliver({ ...message, phase });
      return (await read(cam.cmps.event.state_topic)).event_type;
    };
    const kinds = [await said('start'), await said('end')];
    assert.deepEqual(kinds, ['interaction_detected', 'interaction_detected_end']);
    for (const kind of kinds) assert.ok(cam.cmps.event.event_types.includes(kind));
    const picture = await until('the picture', () => heard.get(cam.cmps.last.image_topic));
    assert.ok(Buffer.from(picture, 'latin1').equals(PICTURE));
  });

  it('shows a user with one camera that one only, and lets nobody but people speak for it', async () => {
    await devices.fleet.createDevice({ id: 'attic', name: 'Attic' }, ANNA);
    const { client, read, heard } = await homeAssistant('limited', ['pi-1-cam']);
    await read(camera);
    await until('the others have it', async () =>
      (await homeAssistant('all')).read(discoveryTopic(homeAssistantId('home', 'camera', 'attic-cam'))),
    );
    assert.deepEqual([...heard.keys()], [camera]);
    client.publishAsync(camera, '{}', { qos: 1, retain: true }).catch(() => undefined);
    await until('who describes something is cut', () => !client.connected);
    const { api_key } = await devices.fleet.rotateKey('pi-1', ANNA);
    const device = await connect({ clientId: 'pi-1', username: 'pi-1', password: api_key });
    device.publishAsync('homeassistant/status', 'online', { qos: 1 }).catch(() => undefined);
    await until('a device that speaks for it is cut', () => !device.connected);
  });

  it('is told of what is gone by an empty message, also when that went while the server was away', async () => {
    const { heard, read } = await homeAssistant('gone');
    const attic = discoveryTopic(homeAssistantId('home', 'machine', 'attic'));
    await read(attic);
    await devices.fleet.deleteDevice('attic', ANNA);
    await until(
      'the empty messages',
      () => heard.get(attic) === '' && heard.get(attic.replace('machine_attic', 'camera_attic-cam')) === '',
    );
    await close();
    await devices.fleet.deleteDevice('pi-1', ANNA);
    await open();
    const after = await homeAssistant('later');
    await until('gone too', () => after.heard.get(machine) === '' && after.heard.get(camera) === '');
    assert.ok((await after.read(discoveryTopic(homeAssistantId('home', 'machine', 'server')))).dev.name.length > 0);
  });

  it('reads of which camera a description is, and of no other topic', () => {
    assert.equal(describedCamera('home', camera), 'pi-1-cam');
    for (const other of [machine, 'homeassistant/status', camera.replace('_home_', '_shop_')])
      assert.equal(describedCamera('home', other), undefined);
  });
});
