import assert from 'node:assert/strict';
import type { MqttClient } from 'mqtt';
import { deviceTopics } from '../../../runtime/contracts/topics.ts';
import type { Db } from '../../../runtime/db/db.ts';
import { createFleet, type Fleet } from '../../../runtime/fleet/fleet.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { describeOnBothDatabases } from '../../support/databases.ts';
import { until } from '../../support/until.ts';
import { at, BrokerBench, inboxOf, stateBody } from './broker-bench.ts';

const ANNA = { name: 'user:anna' };
const TOPICS = deviceTopics('home', 'pi-1');

/** Fleet and broker wired as `main` does it. */
function wired(db: Db): { fleet: Fleet; bench: BrokerBench } {
  const log = silentLog;
  const tellConfig = (device: string, version: number): Promise<void> =>
    bench.broker.publish(deviceTopics('home', device).configDesired, { v: 1, ts: systemClock.now(), version });
  const fleet = createFleet({
    db,
    clock: systemClock,
    log,
    site: 'home',
    pepper: Buffer.from('pepper'),
    mqttUrl: () => bench.broker.url(),
    urlCipher: { seal: (text) => text, open: (text) => text },
    checkUrl: () => undefined,
    reservedCameraIds: new Set(),
    notifyConfig: (device, version) => void tellConfig(device, version),
    onRevoked: (device) => bench.broker.disconnect(device),
  });
  const bench: BrokerBench = new BrokerBench({
    limits: { revalidateMs: 200 },
    authenticate: async (username, password) => {
      const key = password.toString();
      const holder = async () => {
        const device = await fleet.deviceOfKey(key);
        return device?.id === username && !device.disabled ? device : undefined;
      };
      const device = await holder();
      return device && { kind: 'device', id: device.id, stillValid: async () => (await holder()) !== undefined };
    },
    handlers: {
      onConnected: () => undefined,
      onDisconnected: (device) => fleet.markOffline(device),
      onConfigWanted: async (device) => tellConfig(device, (await fleet.config(device)).version),
      onState: (device, { state, session }) => fleet.markOnline(device, state, session),
      onInfo: (device, info) => fleet.noteInfo(device, info),
      onHeartbeat: async (device, beat) => {
        await fleet.heartbeat({ ...beat, device_id: device });
      },
    },
  });
  return { fleet, bench };
}

describeOnBothDatabases('a device between fleet and broker', (database) => {
  let fleet: Fleet;
  let bench: BrokerBench;
  let key: string;

  beforeEach(async () => {
    ({ fleet, bench } = wired(await database.open()));
    await bench.start();
    key = (await fleet.createDevice({ id: 'pi-1', name: 'Pi' }, ANNA)).api_key;
  });
  afterEach(() => bench.stop());

  const connect = (password: string, options = {}): Promise<MqttClient> =>
    bench.connect({ clientId: 'pi-1', username: 'pi-1', password, ...options });

  it('is told the version in force when it listens, at each change, and again after a restart of the broker', async () => {
    const client = await connect(key, { reconnectPeriod: 50 });
    const inbox = inboxOf(client);
    const versions = () => inbox.map(({ body }) => body.version);
    await client.subscribeAsync(TOPICS.configDesired, { qos: 1 });
    await until('the first version', () => versions().length === 1);
    await fleet.putConfig('pi-1', { burst_fps: 4 }, ANNA);
    await until('the second version', () => versions().length === 2);
    await fleet.requestBurst('pi-1-cam');
    await until('a look again for the burst', () => versions().length === 3);
    await bench.restart();
    await until('the version again', () => versions().length === 4);
    assert.deepEqual(versions(), [1, 2, 2, 2]);
  });

  it('has its state, heartbeat and cameras in the register', async () => {
    const will = { topic: TOPICS.state, payload: Buffer.from(stateBody('offline', 3)), qos: 1 as const, retain: true };
    const client = await connect(key, { will });
    const info = { v: 1, ts: at, version: '1', node: '24', platform: 'linux', node_types: [] };
    const cameras = [{ id: 'attic', driver: 'sim', state: 'live' }];
    await client.publishAsync(TOPICS.state, stateBody('online', 3), { qos: 1, retain: true });
    await client.publishAsync(TOPICS.info, JSON.stringify({ ...info, cameras }), { qos: 1, retain: true });
    await client.publishAsync(TOPICS.heartbeat, JSON.stringify({ v: 1, ts: at, rssi: -40 }), { qos: 0 });
    const device = await until('all of it is there', async () => {
      const record = await fleet.device('pi-1');
      return record.rssi === -40 && record.cameras.includes('attic') && record;
    });
    assert.equal(device.state, 'online');
    client.stream.destroy();
    await until('it is offline', async () => (await fleet.device('pi-1')).state === 'offline');
  });

  for (const [what, end] of [
    ['deleted', () => fleet.deleteDevice('pi-1', ANNA)],
    ['shut out', () => fleet.patchDevice('pi-1', { disabled: true }, ANNA)],
  ] as const) {
    it(`is cut at once when it is ${what}, and does not come in again`, async () => {
      const client = await connect(key);
      await end();
      await until('it is cut', () => !client.connected, 5000);
      await assert.rejects(connect(key), { code: 4 });
    });
  }

  it('stays when its key is rotated once, and comes in with the new one', async () => {
    const client = await connect(key);
    const { api_key } = await fleet.rotateKey('pi-1', ANNA);
    await client.publishAsync(TOPICS.heartbeat, JSON.stringify({ v: 1, ts: at }), { qos: 1 });
    assert.ok(client.connected);
    await connect(api_key);
    await until('the newer one took over', () => !client.connected);
  });
});
