import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import { deviceTopics, serverStateTopic } from '../../../runtime/contracts/topics.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { migrate } from '../../../runtime/db/migrate.ts';
import { openPglite } from '../../../runtime/db/pglite.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { emptyPglite } from '../../support/databases.ts';
import { Mosquitto } from '../../support/mosquitto.ts';
import { until } from '../../support/until.ts';
import { ANNA, OutsideBench } from './outside-bench.ts';

const HOME_ASSISTANT = { username: 'homeassistant', password: 'ha secret', clientId: 'ha' };

/** What a client hears, by topic: the latest of each. */
async function listen(client: MqttClient, filter: string): Promise<Map<string, Record<string, unknown>>> {
  const heard = new Map<string, Record<string, unknown>>();
  client.on('message', (topic, payload) => heard.set(topic, JSON.parse(payload.toString())));
  await client.subscribeAsync(filter, { qos: 1 });
  return heard;
}

/** A program of somebody else's that speaks for a device, with a will. */
function strange(mosquitto: Mosquitto, device: string, password: string, session: number): Promise<MqttClient> {
  const payload = Buffer.from(JSON.stringify({ v: 1, ts: 1, state: 'offline', session }));
  const will = { topic: deviceTopics('home', device).state, payload, qos: 1 as const, retain: true };
  return mosquitto.connect({ clientId: device, username: device, password, will });
}

const sayState = (client: MqttClient, device: string, state: string, session: number) =>
  client.publishAsync(deviceTopics('home', device).state, JSON.stringify({ v: 1, ts: 1, state, session }), {
    qos: 1,
    retain: true,
  });

describe('an outside broker (Mosquitto)', () => {
  let db: Db;
  let mosquitto: Mosquitto;
  let bench: OutsideBench;

  before(async () => {
    db = await openPglite({ log: silentLog, from: await emptyPglite() });
    await migrate(db, silentLog);
  });
  after(() => db.close());
  beforeEach(async () => {
    await db.query('delete from devices');
    mosquitto = await Mosquitto.make();
    await mosquitto.start();
    bench = new OutsideBench(mosquitto, db);
  });
  afterEach(async () => {
    await bench.stop();
    await mosquitto.stop();
  });
  const up = async () => {
    await bench.start();
    await until('the server has its broker', () => bench.broker.trouble() === undefined);
  };

  it('carries what a device says and is told: state, birth, heartbeat, configuration, a command and its answer', async () => {
    await up();
    const { heard, beat, link } = await bench.device('pi-1', await bench.register('pi-1'));
    await until('it is online', async () => (await bench.state('pi-1')) === 'online');
    assert.equal((await bench.fleet.servedConfig('pi-1')).mqtt.url, mosquitto.url());
    await until('its camera is in the register', async () =>
      (await bench.fleet.device('pi-1')).cameras.includes('pi-1-attic'),
    );
    await until('its greeting is acknowledged', () => link.connected);
    beat({ rssi: -41 });
    await until('its heartbeat is, too', async () => (await bench.fleet.device('pi-1')).rssi === -41);
    await until('it was told of its configuration', () => heard.includes('config'));
    await bench.fleet.putConfig('pi-1', { burst_fps: 4 }, ANNA);
    await until('and of the change', () => heard.filter((what) => what === 'config').length === 2);
    assert.ok(bench.broker.isConnected('pi-1'));
    assert.equal(bench.broker.connections(), 1);
    const answer = await bench.devices.commands.request('pi-1', 'flows', {}, { timeoutMs: 5000 });
    assert.deepEqual(answer, { done: 'flows' });
    await link.stop();
    await until('it said goodbye', async () => (await bench.state('pi-1')) === 'offline');
    assert.ok(!bench.broker.isConnected('pi-1'));
    await assert.rejects(bench.devices.commands.request('pi-1', 'flows', {}, { timeoutMs: 5000 }), {
      code: 'device.offline',
    });
  });

  it('sends a command that waited to a device that comes', async () => {
    await up();
    const key = await bench.register('pi-1');
    const command = await bench.devices.commands.issue('pi-1', { name: 'restart' }, ANNA);
    assert.equal(command.state, 'queued');
    await bench.device('pi-1', key);
    await until('it is done', async () => (await bench.devices.commands.get(command.id)).state === 'done');
  });

  it('tells by the will that a device is gone, and not by the late will of an earlier connection', async () => {
    await up();
    const key = await bench.register('pi-1');
    const client = await strange(mosquitto, 'pi-1', key, 7);
    await sayState(client, 'pi-1', 'online', 7);
    await until('it is online', async () => (await bench.state('pi-1')) === 'online');
    await sayState(client, 'pi-1', 'offline', 6);
    await client.publishAsync(deviceTopics('home', 'pi-1').heartbeat, '{"v":1,"ts":1,"rssi":-3}');
    await until('what came after it is there', async () => (await bench.fleet.device('pi-1')).rssi === -3);
    assert.equal(await bench.state('pi-1'), 'online');
    client.stream.destroy();
    await until('its will says it', async () => (await bench.state('pi-1')) === 'offline');
  });

  it('is known by its own word when the server comes later, or again', async () => {
    const key = await bench.register('pi-1');
    await bench.device('pi-1', key);
    await up();
    await until('it is online', async () => (await bench.state('pi-1')) === 'online');
    await bench.broker.stop();
    const ha = await mosquitto.connect(HOME_ASSISTANT);
    const heard = await listen(ha, 'redeye/v1/home/#');
    await until('the server has left', () => heard.get(serverStateTopic('home'))?.state === 'offline');
    await up();
    await until('and is back', () => heard.get(serverStateTopic('home'))?.state === 'online');
    await until('so is the device', () => bench.broker.isConnected('pi-1'));
  });

  it('may be killed and start anew: all are there again, who died meanwhile is not, and what was retained is said again', async () => {
    bench = new OutsideBench(mosquitto, db, {
      outsideTimes: { silentMs: 8000, graceMs: 200, echoMs: 1000, retry: { firstMs: 50, maxMs: 100 } },
    });
    await up();
    const [key1, key2] = [await bench.register('pi-1'), await bench.register('pi-2')];
    const { beat, heard } = await bench.device('pi-1', key1);
    const dying = await strange(mosquitto, 'pi-2', key2, 1);
    await sayState(dying, 'pi-2', 'online', 1);
    await until('both are online', () => bench.broker.connections() === 2);
    const topics = deviceTopics('home', 'pi-1');
    await bench.broker.publish(topics.cameraMotion('pi-1-cam'), { v: 1, ts: 1, motion: false }, { retain: true });
    const times = () =>
      bench.log.lines.filter(({ message, fields }) => message === 'device connected' && fields.device === 'pi-2')
        .length;
    const once = times();
    await mosquitto.save();
    await mosquitto.end('SIGKILL');
    await until('the server says so', () => bench.broker.trouble()?.includes('ECONNREFUSED'));
    assert.match(bench.broker.trouble() ?? '', /^MQTT_URL: no connection to mqtt:\/\/127\.0\.0\.1:\d+: /);
    const late = bench.broker.publish(topics.cameraMotion('pi-1-cam'), { v: 1, ts: 2, motion: true }, { retain: true });
    await assert.rejects(late, { code: 'broker.unavailable' });
    await until('nobody is reached', async () => (await bench.state('pi-1')) === 'offline');
    dying.end(true);
    const told = heard.length;
    await mosquitto.start();
    await until('the device is there again', async () => (await bench.state('pi-1')) === 'online');
    await until('and told of its configuration', () => heard.slice(told).includes('config'));
    const beating = setInterval(() => beat(), 500);
    try {
      await until('the dead one is believed for a while', () => times() > once);
      await until('and given up', async () => (await bench.state('pi-2')) === 'offline', 20_000);
    } finally {
      clearInterval(beating);
    }
    assert.equal(await bench.state('pi-1'), 'online');
    const seen = await listen(await mosquitto.connect(HOME_ASSISTANT), 'redeye/v1/home/#');
    await until('others see it', () => seen.get(deviceTopics('home', 'pi-2').state)?.state === 'offline');
    await until('and the latest motion', () => seen.get(topics.cameraMotion('pi-1-cam'))?.motion === true);
    assert.equal(seen.get(serverStateTopic('home'))?.state, 'online');
  });

  it('may be away when the server starts, and may know another password: it is named, tried again, and no secret is told', async () => {
    await mosquitto.end();
    await bench.start();
    await until('why', () => bench.broker.trouble()?.includes('ECONNREFUSED'));
    await mosquitto.user('redeye', 'another one');
    await mosquitto.start();
    await until('now it refuses', () =>
      bench.broker.trouble()?.includes('refuses the user name or password of MQTT_URL'),
    );
    await mosquitto.user('redeye', 'long and secret');
    await until('it lets the server in', () => bench.broker.trouble() === undefined);
    const warned = bench.log.of('warn').filter((message) => message.startsWith('MQTT_URL: no connection'));
    assert.equal(warned.length, 2, 'once for each reason, not for each try');
    assert.ok(!JSON.stringify(bench.log.lines).includes('secret'));
  });

  it('that does not let the server publish is found out, although it says nothing', async () => {
    await mosquitto.acl((text) => text.replace('topic readwrite redeye/v1/home/#', 'topic read redeye/v1/home/#'));
    await bench.start();
    await until('it is said', () => bench.broker.trouble()?.includes('must read and write redeye/v1/home/#'));
  });

  it('cannot be told of a revocation: what a device that is shut out says does not count, until it may again', async () => {
    await up();
    const { beat } = await bench.device('pi-1', await bench.register('pi-1'));
    await until('it is there', () => bench.broker.isConnected('pi-1'));
    await bench.fleet.patchDevice('pi-1', { disabled: true }, ANNA);
    await until('it does not count', async () => !bench.broker.isConnected('pi-1'));
    await until('in the register either', async () => (await bench.state('pi-1')) === 'offline');
    beat({ rssi: -1 });
    await until('its word is refused', () =>
      bench.log.of('warn').some((message) => message.startsWith('MQTT messages refused')),
    );
    assert.notEqual((await bench.fleet.device('pi-1')).rssi, -1);
    await bench.fleet.patchDevice('pi-1', { disabled: false }, ANNA);
    await until('it counts again', () => {
      beat({ rssi: -2 });
      return bench.broker.isConnected('pi-1');
    });
    await until('with what it says', async () => (await bench.fleet.device('pi-1')).rssi === -2);
  });

  it('lets devices and Home Assistant, with the shipped rights, do what the built-in one does and no more', async () => {
    const heard: unknown[] = [];
    bench = new OutsideBench(mosquitto, db, { onControl: (...set) => heard.push(set) });
    await up();
    const [key1, key2] = [await bench.register('pi-1'), await bench.register('pi-2')];
    const [mine, other] = [deviceTopics('home', 'pi-1'), deviceTopics('home', 'pi-2')];
    await mosquitto.user('watcher', 'of all');
    await mosquitto.acl((text) => `${text}\nuser watcher\ntopic read #\n`);
    const watcher = await mosquitto.connect({ username: 'watcher', password: 'of all' });
    const everything = await listen(watcher, 'redeye/v1/home/#');
    const device = await mosquitto.connect({ clientId: 'pi-2', username: 'pi-1', password: key1 });
    const seen = await listen(device, 'redeye/v1/home/#');
    const ha = await mosquitto.connect(HOME_ASSISTANT);
    const haSeen = await listen(ha, 'redeye/v1/home/#');
    const say = (client: MqttClient, topic: string, body: object = { v: 1, ts: 1 }) =>
      client.publishAsync(topic, JSON.stringify(body), { qos: 1 });
    for (const topic of [other.state, other.heartbeat, mine.command('restart'), mine.configDesired])
      await say(device, topic);
    for (const topic of [mine.state, mine.command('restart'), serverStateTopic('home')]) await say(ha, topic);
    await say(ha, mine.cameraControl('pi-1-cam', 'gain'), { value: 2 });
    await say(ha, deviceTopics('home', 'server').cameraControl('yard', 'gain'), { value: 3 });
    await say(device, mine.cameraState('pi-1-cam'));
    await until('the last one is there', () => haSeen.has(mine.cameraState('pi-1-cam')));
    await until('the server heard what is set', () => heard.length === 1);
    assert.deepEqual(heard, [['yard', 'gain', { value: 3 }]]);
    const allowed = [mine.cameraControl('pi-1-cam', 'gain'), mine.cameraState('pi-1-cam')];
    const ofDevices = [...everything.keys()].filter((topic) => /\/d\/pi-/.test(topic));
    assert.deepEqual(ofDevices.sort(), allowed.sort());
    await until('the device has what is for it', () => seen.has(mine.cameraControl('pi-1-cam', 'gain')));
    assert.deepEqual(
      [...seen.keys()].filter((topic) => /\/d\//.test(topic)),
      [mine.cameraControl('pi-1-cam', 'gain')],
    );
    await mosquitto.connect({ clientId: 'pi-1', username: 'pi-2', password: key2 });
    await say(device, mine.heartbeat);
    assert.ok(device.connected, 'a client id does not take another device’s place');
    await assert.rejects(mosquitto.connect({ clientId: 'pi-1', username: 'pi-1', password: key2 }), { code: 5 });
    await assert.rejects(mosquitto.connect({ clientId: 'nobody' }), { code: 5 });
  });
});
