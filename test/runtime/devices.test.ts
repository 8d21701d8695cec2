import assert from 'node:assert/strict';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Broker } from '../../runtime/broker/broker.ts';
import { deviceTopics } from '../../runtime/contracts/topics.ts';
import type { Role } from '../../runtime/contracts/users.ts';
import type { Db } from '../../runtime/db/db.ts';
import { migrate } from '../../runtime/db/migrate.ts';
import { openPglite } from '../../runtime/db/pglite.ts';
import { createUserStore } from '../../runtime/db/users.repo.ts';
import { createDevices, type Devices } from '../../runtime/devices.ts';
import { Accounts } from '../../runtime/http/auth/accounts.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { type CameraSet, createCameraSet } from '../../runtime/media/camera-set.ts';
import { createServerControls, type ServerControls } from '../../runtime/server-controls.ts';
import { emptyPglite } from '../support/databases.ts';
import { ListLog } from '../support/list-log.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';

const ANNA = { name: 'user:anna' };
const TOPICS = deviceTopics('home', 'pi-1');

interface Parts {
  db: Db;
  devices: Devices;
  accounts: Accounts;
  url: string;
  controls: ServerControls;
  cameras: CameraSet;
}

/** Register, broker and the controls of one own camera as main puts them together, on a free port. */
function devicesBench() {
  const log = new ListLog();
  const clients: MqttClient[] = [];
  let parts: Parts | undefined;
  const there = () => {
    assert.ok(parts);
    return parts;
  };
  return {
    log,
    fleet: () => there().devices.fleet,
    broker: () => there().devices.broker,
    accounts: () => there().accounts,
    async open() {
      const db = await openPglite({ log, from: await emptyPglite() });
      await migrate(db, log);
      const accounts = new Accounts({ store: createUserStore(db), clock: systemClock, log, key: Buffer.alloc(32, 1) });
      const [port = 0] = await freePorts(1);
      const devices = createDevices({
        accounts,
        settings: {
          SITE: 'home',
          HOST: '127.0.0.1',
          MQTT_PORT: port,
          DATA_DIR: '/nowhere',
          FLOWS_DIR: '/nowhere/flows',
          HA_DISCOVERY: false,
          SIGNING_KEY_FILE: '',
        },
        mqttHost: '127.0.0.1',
        secrets: { pepper: Buffer.alloc(32, 2), urls: Buffer.alloc(32, 3) },
        db,
        clock: systemClock,
        log,
        checkUrl: async () => undefined,
        reservedCameraIds: new Set(),
        publicUrl: new URL('http://127.0.0.1:1880'),
        onControl: (...set) => controls.hear(...set),
        localCameraState: () => undefined,
        eventPicture: async () => Buffer.alloc(0),
        version: '0',
      });
      const yard = { id: 'yard', url: 'sim:gradient?width=160&height=90' };
      const cameras = createCameraSet({ clock: systemClock, log, cameras: [yard] });
      const publish: Broker['publish'] = (...said) => devices.broker.publish(...said);
      const controls = createServerControls({ site: 'home', cameras, publish, clock: systemClock, log });
      parts = { db, devices, accounts, url: `mqtt://127.0.0.1:${port}`, controls, cameras };
      await devices.broker.start();
      await controls.start();
    },
    connect(options: IClientOptions): Promise<MqttClient> {
      const client = mqtt.connect(there().url, { protocolVersion: 4, reconnectPeriod: 0, ...options });
      clients.push(client);
      return new Promise((resolve, reject) => {
        client.once('connect', () => resolve(client));
        client.once('error', reject);
      });
    },
    async close() {
      for (const client of clients.splice(0)) client.end(true);
      await there().controls.stop();
      await there().cameras.stop();
      await there().devices.broker.stop();
      await there().db.close();
    },
  };
}

describe("a user's programs at the broker", () => {
  const bench = devicesBench();
  const { connect, log } = bench;
  const people = () => bench.accounts().people;

  before(async () => {
    await bench.open();
    await bench.fleet().createDevice({ id: 'pi-1', name: 'Pi' }, ANNA);
    await bench.accounts().ensureAdmin('a password of mine');
  });
  after(bench.close);

  async function program(name: string, role: Role, cameras: string[] | null) {
    const user = await people().create({ name, role, cameras }, ANNA);
    const made = await people().addCredential(user.id, 'Home Assistant', ANNA);
    return {
      id: user.id,
      credential: made.id,
      login: { username: name, password: made.password, clientId: `${name}-ha` },
    };
  }

  it('hear of the cameras that their user may see, and of no other', async () => {
    const { login } = await program('vera', 'viewer', ['pi-1-cam']);
    const client = await connect(login);
    const heard: string[] = [];
    client.on('message', (topic) => heard.push(topic));
    await client.subscribeAsync('redeye/v1/home/#', { qos: 1 });
    await bench.broker().publish(TOPICS.cameraMotion('attic'), { v: 1, ts: 1, motion: true });
    await bench.broker().publish(TOPICS.event('interaction_detected'), { v: 1 });
    await bench.broker().publish(TOPICS.cameraMotion('pi-1-cam'), { v: 1, ts: 1, motion: true });
    await until('the last one came', () => heard.includes(TOPICS.cameraMotion('pi-1-cam')));
    assert.deepEqual(
      heard.filter((topic) => !topic.endsWith('server/state')),
      [TOPICS.cameraMotion('pi-1-cam')],
    );
  });

  it('set controls for an operator, on their cameras, and for a viewer not at all', async () => {
    const operator = await connect((await program('olaf', 'operator', ['pi-1-cam'])).login);
    await operator.publishAsync(TOPICS.cameraControl('pi-1-cam', 'light'), '{"v":1,"ts":1,"value":true}', { qos: 1 });
    assert.ok(operator.connected);
    const elsewhere = operator.publishAsync(TOPICS.cameraControl('attic', 'light'), '{}', { qos: 1 });
    elsewhere.catch(() => undefined);
    await until('the operator is cut off for another camera', () => !operator.connected);
    const viewer = await connect((await program('wim', 'viewer', null)).login);
    viewer.publishAsync(TOPICS.cameraControl('pi-1-cam', 'light'), '{}', { qos: 1 }).catch(() => undefined);
    await until('the viewer is cut off', () => !viewer.connected);
  });

  it('set and read the controls of the server’s own cameras', async () => {
    const operator = await connect((await program('owen', 'operator', ['yard'])).login);
    const heard: { topic: string; body: Record<string, unknown> }[] = [];
    operator.on('message', (topic, payload) => heard.push({ topic, body: JSON.parse(payload.toString()) }));
    await operator.subscribeAsync('redeye/v1/home/#', { qos: 1 });
    const own = deviceTopics('home', 'server');
    const latest = (topic: string) => heard.findLast((message) => message.topic === topic)?.body;
    await until('how it is', () => latest(own.cameraState('yard')) && latest(own.cameraControlState('yard', 'gain')));
    assert.equal(latest(own.cameraState('yard'))?.driver, 'sim');
    await operator.publishAsync(own.cameraControl('yard', 'gain'), '{"value":2}', { qos: 1 });
    await until('it is set', () => latest(own.cameraControlState('yard', 'gain'))?.value === 2);
    await operator.publishAsync(own.cameraControl('yard', 'gain'), '{"value":-5}', { qos: 1 });
    await until('why not', () => latest(own.cameraControlState('yard', 'gain'))?.error !== undefined);
    assert.equal(latest(own.cameraControlState('yard', 'gain'))?.value, 2);
  });

  for (const [what, end] of [
    ['its password is revoked', (id: number, credential: number) => people().revokeCredential(id, credential, ANNA)],
    ['its user is disabled', (id: number) => people().patch(id, { disabled: true }, ANNA)],
    ['its user is deleted', (id: number) => people().remove(id, ANNA)],
  ] as const) {
    it(`are cut within 5 s when ${what}, and do not come in again`, async () => {
      const { id, credential, login } = await program(`u-${what.split(' ').at(-1)}`, 'viewer', null);
      const client = await connect(login);
      await end(id, credential);
      await until('it is cut', () => !client.connected, 5000);
      await assert.rejects(connect(login), { code: 4 });
    });
  }

  it("do not get in with somebody's own password, or with another user's app password", async () => {
    const { login } = await program('xaver', 'viewer', null);
    await assert.rejects(connect({ username: 'admin', password: 'a password of mine', clientId: 'a' }), { code: 4 });
    await assert.rejects(connect({ ...login, username: 'admin' }), { code: 4 });
    assert.ok(!JSON.stringify(log.lines).includes(String(login.password).slice(13)), 'no log holds it');
  });
});

describe('a device that is shut out', () => {
  const bench = devicesBench();
  before(bench.open);
  after(bench.close);

  for (const [what, end, codes] of [
    ['disabled', (id: string) => bench.fleet().patchDevice(id, { disabled: true }, ANNA), [4]],
    ['deleted', (id: string) => bench.fleet().deleteDevice(id, ANNA), [4]],
    [
      'given another key, the old one ending',
      (id: string) => bench.fleet().rotateKey(id, ANNA, { end_old: true }),
      [4],
    ],
  ] as const) {
    it(`is without HTTP and MQTT within 5 s when it is ${what}`, async () => {
      const id = `pi-${what.slice(0, 4)}`;
      const { api_key } = await bench.fleet().createDevice({ id, name: id }, ANNA);
      const revoked: string[] = [];
      bench.fleet().onRevoked((device) => revoked.push(device));
      const login = { clientId: id, username: id, password: api_key };
      const client = await bench.connect(login);
      assert.equal((await bench.fleet().deviceOfKey(api_key))?.id, id);
      await end(id);
      const holder = await bench.fleet().deviceOfKey(api_key);
      assert.ok(holder === undefined || holder.disabled, 'HTTP asks this for every request');
      await until('MQTT is cut', () => !client.connected, 5000);
      assert.deepEqual(revoked, [id], 'what streams are told');
      await assert.rejects(bench.connect(login), { code: codes[0] });
    });
  }
});
