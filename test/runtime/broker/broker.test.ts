import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { MqttClient } from 'mqtt';
import { loopbackCertificate } from '../../support/certificate.ts';
import { until } from '../../support/until.ts';
import { at, BrokerBench, inboxOf, stateBody } from './broker-bench.ts';

const D1 = 'redeye/v1/home/d/pi-1';
const D2 = 'redeye/v1/home/d/pi-2';
const OWN_FILTERS = [
  `${D1}/cmd/+`,
  `${D1}/flow/desired`,
  `${D1}/cfg/desired`,
  `${D1}/c/+/+/set`,
  'redeye/v1/home/server/state',
];

async function closes(client: MqttClient): Promise<void> {
  await until('the connection is cut', () => !client.connected);
}

describe('broker', () => {
  let bench: BrokerBench;

  beforeEach(async () => {
    bench = await new BrokerBench().start();
  });
  afterEach(() => bench.stop());

  describe('a device with its key', () => {
    it('is told that the server is online, and gets what is published for it', async () => {
      const client = await bench.device('pi-1');
      const inbox = inboxOf(client);
      await client.subscribeAsync(OWN_FILTERS, { qos: 1 });
      await bench.broker.publish(`${D1}/cfg/desired`, { v: 1, ts: at, version: 7 });
      await until('both came', () => inbox.length === 2);
      assert.deepEqual(
        inbox.map(({ topic, retain }) => [topic, retain]),
        [
          ['redeye/v1/home/server/state', true],
          [`${D1}/cfg/desired`, false],
        ],
      );
      assert.equal(inbox[0]?.body.state, 'online');
      assert.deepEqual(bench.broker.connectedDevices(), ['pi-1']);
    });

    it('sees its own state, and so the will of a session it has long left', async () => {
      const client = await bench.device('pi-1');
      const inbox = inboxOf(client);
      await client.subscribeAsync(`${D1}/state`, { qos: 1 });
      await client.publishAsync(`${D1}/state`, stateBody('offline', 3), { qos: 1, retain: true });
      await until('it came back', () => inbox.some(({ topic, body }) => topic === `${D1}/state` && body.session === 3));
    });

    it('is heard: state, birth, heartbeat, and the rest with its topic', async () => {
      const client = await bench.device('pi-1');
      const info = { v: 1, ts: at, version: '1', node: '24', platform: 'linux', node_types: [], cameras: [] };
      const response = { id: 'a', status: 'ok', code: 0 };
      await client.publishAsync(`${D1}/state`, stateBody('online', 17), { qos: 1, retain: true });
      await client.publishAsync(`${D1}/info`, JSON.stringify(info), { qos: 1, retain: true });
      await client.publishAsync(`${D1}/hb`, JSON.stringify({ v: 1, ts: at, rssi: -50, device_id: 'pi-2' }), { qos: 0 });
      await client.publishAsync(`${D1}/rsp/server`, JSON.stringify(response), { qos: 1 });
      await until('all came', () => bench.toldOf('onMessage', 'pi-1').length === 1);
      assert.deepEqual(bench.told, [
        ['onConnected', 'pi-1', undefined],
        ['onState', 'pi-1', { v: 1, ts: at, state: 'online', session: 17 }],
        ['onInfo', 'pi-1', info],
        ['onHeartbeat', 'pi-1', { v: 1, ts: at, rssi: -50 }],
        ['onMessage', 'pi-1', { kind: 'response', topic: `${D1}/rsp/server`, body: response }],
      ]);
    });

    it('asks for its configuration by subscribing, each time anew', async () => {
      const client = await bench.device('pi-1');
      await client.subscribeAsync(`${D1}/cfg/desired`, { qos: 1 });
      await until('asked', () => bench.toldOf('onConfigWanted', 'pi-1').length === 1);
      await client.endAsync();
      const again = await bench.device('pi-1');
      await again.subscribeAsync(`${D1}/cfg/desired`, { qos: 1 });
      await until('asked again', () => bench.toldOf('onConfigWanted', 'pi-1').length === 2);
    });
  });

  describe('who may come in', () => {
    const cases: [string, object, number][] = [
      ['a wrong key', { clientId: 'pi-1', username: 'pi-1', password: 'wrong' }, 4],
      ['no password', { clientId: 'pi-1', username: 'pi-1' }, 4],
      ['no user name', { clientId: 'pi-1' }, 4],
      ['a client id that is another device', { clientId: 'pi-1', username: 'pi-2', password: 'key-2' }, 2],
      ['a client id of its own making', { clientId: 'x', username: 'pi-2', password: 'key-2' }, 2],
      ['no client id', { clientId: '', username: 'pi-1', password: 'key-1' }, 2],
    ];
    for (const [what, options, code] of cases) {
      it(`refuses ${what} with return code ${code}`, async () => {
        await assert.rejects(bench.connect(options), { code });
      });
    }

    it('refuses MQTT 5 with return code 1', async () => {
      const options = { clientId: 'pi-1', username: 'pi-1', password: 'key-1', protocolVersion: 5 as const };
      await assert.rejects(bench.connect(options), { code: 1 });
    });

    it('refuses a client that wants to be silent longer than the limit', async () => {
      await assert.rejects(bench.device('pi-1', { keepalive: 301 }), { code: 6 });
    });

    it('answers "server unavailable" while credentials cannot be looked at', async () => {
      await bench.stop();
      bench = await new BrokerBench({ authenticate: () => Promise.reject(new Error('db down')) }).start();
      await assert.rejects(bench.device('pi-1'), { code: 3 });
    });

    it('leaves a session alone when a stranger comes with its client id', async () => {
      const victim = await bench.device('pi-1');
      const inbox = inboxOf(victim);
      await victim.subscribeAsync(`${D1}/cfg/desired`, { qos: 1 });
      await assert.rejects(bench.connect({ clientId: 'pi-1', username: 'pi-2', password: 'key-2' }), { code: 2 });
      await assert.rejects(bench.connect({ clientId: 'pi-1', username: 'pi-1', password: 'no' }), { code: 4 });
      await bench.broker.publish(`${D1}/cfg/desired`, { v: 1, ts: at, version: 2 });
      await until('the victim still gets its messages', () => inbox.length === 1);
      assert.ok(victim.connected);
    });

    it('lets a newer connection of the same device take over, which does not count as gone', async () => {
      const old = await bench.device('pi-1', {
        will: { topic: `${D1}/state`, payload: stateBody('offline', 1), qos: 1, retain: true },
      });
      await old.publishAsync(`${D1}/state`, stateBody('online', 1), { qos: 1, retain: true });
      const newer = await bench.device('pi-1');
      await closes(old);
      await newer.publishAsync(`${D1}/state`, stateBody('online', 2), { qos: 1, retain: true });
      await until('the newer session is known', () =>
        bench.toldOf('onState', 'pi-1').some(([, , body]) => (body as { session: number }).session === 2),
      );
      assert.deepEqual(bench.toldOf('onDisconnected', 'pi-1'), []);
      assert.ok(newer.connected);
    });
  });

  describe('what may be published', () => {
    const foreign: [string, string, object][] = [
      ["another device's topic", `${D2}/state`, { retain: true }],
      ['its own commands', `${D1}/cmd/reboot`, {}],
      ['its own desired configuration', `${D1}/cfg/desired`, {}],
      ["the server's state", 'redeye/v1/home/server/state', { retain: true }],
      ['a topic outside the tree', 'homeassistant/device/x/config', {}],
      ["the broker's own topics", '$SYS/x/new/clients', {}],
      ['an unknown branch', `${D1}/secrets`, {}],
      ['an unknown type of event', `${D1}/evt/nonsense`, {}],
      ['a topic of another site', 'redeye/v1/away/d/pi-1/state', {}],
      ['a very deep topic', `${D1}/${'a/'.repeat(60)}b`, {}],
      ['a heartbeat that is to be kept', `${D1}/hb`, { retain: true }],
      ['an event that is to be kept', `${D1}/evt/camera_issue`, { retain: true }],
    ];
    for (const [what, topic, options] of foreign) {
      it(`cuts a device that publishes ${what}`, async () => {
        const client = await bench.device('pi-1');
        const other = await bench.device('pi-2');
        client.publish(topic, stateBody('online'), { qos: 0, ...options });
        await closes(client);
        assert.ok(other.connected);
        assert.deepEqual(bench.toldOf('onState', 'pi-2'), []);
      });
    }

    const misfits: [string, string, string][] = [
      ['no JSON', 'state', 'online'],
      ['an unknown state', 'state', stateBody('asleep')],
      ['no version', 'state', JSON.stringify({ ts: at, state: 'online', session: 1 })],
      ['nothing', 'state', ''],
      ['a heartbeat over a kilobyte', 'hb', JSON.stringify({ v: 1, ts: at, pad: 'x'.repeat(1100) })],
    ];
    for (const [what, topic, payload] of misfits) {
      it(`acknowledges and drops ${what}, so that it does not come again`, async () => {
        const client = await bench.device('pi-1');
        await client.publishAsync(`${D1}/${topic}`, payload, { qos: 1, retain: topic === 'state' });
        await client.publishAsync(`${D1}/rsp/x`, JSON.stringify({ id: 'a', status: 'ok' }), { qos: 1 });
        await until('the next message came', () => bench.toldOf('onMessage', 'pi-1').length === 1);
        assert.deepEqual(
          bench.told.filter(([name]) => name === 'onState' || name === 'onHeartbeat'),
          [],
        );
        assert.ok(client.connected);
        assert.ok(bench.warnings.some((message) => message.includes('does not fit')));
      });
    }

    it('keeps no more retained topics of one device than the limit', async () => {
      await bench.stop();
      bench = await new BrokerBench({ limits: { retainedTopicsPerDevice: 2 } }).start();
      const client = await bench.device('pi-1');
      const body = JSON.stringify({ v: 1, ts: at });
      for (const camera of ['a', 'b', 'c', 'a'])
        await client.publishAsync(`${D1}/c/${camera}/state`, body, { qos: 1, retain: true });
      await until('three were taken', () => bench.toldOf('onMessage', 'pi-1').length === 3);
    });
  });

  describe('wills', () => {
    const online = (client: MqttClient) =>
      client.publishAsync(`${D1}/state`, stateBody('online', 5), { qos: 1, retain: true });

    it('refuses a will on a topic that is not the own state, before the device is in', async () => {
      for (const topic of [`${D2}/state`, `${D1}/info`, '$SYS/x', 'redeye/v1/home/server/state']) {
        const will = { topic, payload: Buffer.from(stateBody('offline')), qos: 1 as const, retain: true };
        await assert.rejects(bench.device('pi-1', { will }), { code: 5 });
      }
    });

    it('refuses a will that is no state', async () => {
      const will = { topic: `${D1}/state`, payload: Buffer.from('gone'), qos: 1 as const, retain: true };
      await assert.rejects(bench.device('pi-1', { will }), { code: 5 });
    });

    it('takes the will of a device that drops, and says that it is gone', async () => {
      const will = {
        topic: `${D1}/state`,
        payload: Buffer.from(stateBody('offline', 5)),
        qos: 1 as const,
        retain: true,
      };
      const client = await bench.device('pi-1', { will });
      await online(client);
      client.stream.destroy();
      await until('gone', () => bench.toldOf('onDisconnected', 'pi-1').length === 1);
      assert.deepEqual(
        bench.toldOf('onState', 'pi-1').map(([, , body]) => (body as { state: string }).state),
        ['online', 'offline'],
      );
      assert.deepEqual(bench.broker.connectedDevices(), []);
    });

    it('shows a device as offline that left without a will', async () => {
      bench.allow('anna', 'app-password', { kind: 'user', name: 'anna', cameras: null, mayControl: false });
      const anna = await bench.connect({ clientId: 'ha', username: 'anna', password: 'app-password' });
      const inbox = inboxOf(anna);
      await anna.subscribeAsync('redeye/v1/home/d/+/state');
      const client = await bench.device('pi-1');
      await online(client);
      await client.endAsync();
      await until('both states came', () => inbox.length === 2);
      assert.deepEqual(
        inbox.map(({ body }) => [body.state, body.session]),
        [
          ['online', 5],
          ['offline', 5],
        ],
      );
    });
  });

  describe('what may be listened to', () => {
    const refused = [
      '#',
      '+/#',
      'redeye/#',
      `${D1}/#`,
      `${D1}/+`,
      `${D1}/cmd/#`,
      `${D1}/cmd/reboot`,
      `${D2}/cmd/+`,
      `redeye/v1/home/d/+/cmd/+`,
      `${D1}/c/cam/+/set`,
      `${D2}/state`,
      `${D1}/info`,
      '$SYS/#',
      'redeye/v1/home/server/+',
    ];
    for (const filter of refused) {
      it(`refuses ${filter} with 128 and keeps the connection`, async () => {
        const client = await bench.device('pi-1');
        await assert.rejects(client.subscribeAsync(filter, { qos: 1 }));
        assert.ok(client.connected);
      });
    }

    it('grants the good filters of a request that also holds a bad one', async () => {
      const client = await bench.device('pi-1');
      const inbox = inboxOf(client);
      await assert.rejects(client.subscribeAsync([`${D1}/cfg/desired`, '#'], { qos: 1 }));
      await bench.broker.publish(`${D1}/cfg/desired`, { v: 1, ts: at, version: 2 });
      await bench.broker.publish(`${D2}/cfg/desired`, { v: 1, ts: at, version: 3 });
      await until('it came', () => inbox.length === 1);
      assert.deepEqual(inbox[0]?.topic, `${D1}/cfg/desired`);
    });
  });

  describe('revocation', () => {
    it('cuts the connections of a device at once and lets nothing more through', async () => {
      const client = await bench.device('pi-1');
      const other = await bench.device('pi-2');
      bench.credentials.delete('pi-1');
      bench.broker.disconnect('pi-1');
      await closes(client);
      await until('gone', () => bench.toldOf('onDisconnected', 'pi-1').length === 1);
      await assert.rejects(bench.device('pi-1'), { code: 4 });
      assert.ok(other.connected);
    });

    it('cuts a connection whose credential ended meanwhile', async () => {
      await bench.stop();
      bench = new BrokerBench({ limits: { revalidateMs: 30 } });
      let valid = true;
      bench.allow('pi-1', 'key-1', { kind: 'device', id: 'pi-1', stillValid: async () => valid });
      await bench.start();
      const client = await bench.device('pi-1');
      valid = false;
      await closes(client);
    });
  });

  describe('people', () => {
    beforeEach(() => {
      bench.allow('anna', 'a', { kind: 'user', name: 'anna', cameras: ['door'], mayControl: false });
      bench.allow('olga', 'o', { kind: 'user', name: 'olga', cameras: null, mayControl: true });
    });

    it('see only the cameras that are theirs, whatever they subscribe to', async () => {
      const anna = await bench.connect({ clientId: 'x', username: 'anna', password: 'a' });
      const inbox = inboxOf(anna);
      await anna.subscribeAsync('redeye/v1/home/#');
      const body = { v: 1, ts: at, motion: true };
      await bench.broker.publish(`${D1}/cmd/reboot`, body);
      await bench.broker.publish(`${D1}/cfg/desired`, body);
      await bench.broker.publish(`${D1}/evt/interaction_detected`, body);
      await bench.broker.publish(`${D1}/c/attic/motion`, body);
      await bench.broker.publish(`${D1}/c/door/light/set`, body);
      await bench.broker.publish(`${D1}/c/door/motion`, body);
      await until('the last one came', () => inbox.some(({ topic }) => topic === `${D1}/c/door/motion`));
      assert.deepEqual(
        inbox.map(({ topic }) => topic),
        ['redeye/v1/home/server/state', `${D1}/c/door/motion`],
      );
    });

    it('write `set` when they may, and the device gets it', async () => {
      const device = await bench.device('pi-1');
      const inbox = inboxOf(device);
      await device.subscribeAsync(`${D1}/c/+/+/set`, { qos: 1 });
      const olga = await bench.connect({ clientId: 'x', username: 'olga', password: 'o' });
      await olga.publishAsync(`${D1}/c/door/light/set`, JSON.stringify({ on: true }), { qos: 1 });
      await until('it came', () => inbox.length === 1);
      const anna = await bench.connect({ clientId: 'y', username: 'anna', password: 'a' });
      anna.publish(`${D1}/c/door/light/set`, '{}');
      await closes(anna);
    });

    it('cannot throw a device out by taking its client id', async () => {
      const device = await bench.device('pi-1');
      await bench.connect({ clientId: 'pi-1', username: 'olga', password: 'o' });
      await device.publishAsync(`${D1}/hb`, JSON.stringify({ v: 1, ts: at }), { qos: 1 });
      assert.ok(device.connected);
      assert.deepEqual(bench.broker.connectedDevices(), ['pi-1']);
    });
  });

  describe('a restart', () => {
    it('asks for the configuration again from a device that comes back, though the broker forgot everything', async () => {
      const client = await bench.device('pi-1', { reconnectPeriod: 50, clean: false });
      await client.subscribeAsync(`${D1}/cfg/desired`, { qos: 1 });
      await until('asked', () => bench.toldOf('onConfigWanted', 'pi-1').length === 1);
      await bench.restart();
      await until('asked again', () => bench.toldOf('onConfigWanted', 'pi-1').length === 2);
    });

    it('says goodbye on the way down, and does not report its devices as gone', async () => {
      const client = await bench.device('pi-1');
      const inbox = inboxOf(client);
      await client.subscribeAsync('redeye/v1/home/server/state', { qos: 1 });
      await until('online', () => inbox.length === 1);
      await bench.broker.stop();
      await bench.broker.stop();
      assert.deepEqual(
        inbox.map(({ body }) => body.state),
        ['online', 'offline'],
      );
      assert.deepEqual(bench.toldOf('onDisconnected', 'pi-1'), []);
    });

    it('names the setting when its port is taken', async () => {
      const port = Number(new URL(bench.broker.url()).port);
      const second = new BrokerBench({ port });
      await assert.rejects(second.start(), { code: 'setting.invalid', message: /MQTT_PORT.*in use/ });
      await second.stop();
    });

    it('works without a port of its own', async () => {
      const off = await new BrokerBench({ port: 0 }).start();
      assert.equal(off.broker.url(), 'none');
      await off.stop();
    });

    it('says so when it is asked to publish while it does not run', async () => {
      const idle = new BrokerBench();
      await assert.rejects(idle.broker.publish('x', {}), { code: 'broker.unavailable' });
    });
  });
});

describe('broker under attack', () => {
  let bench: BrokerBench;
  let honest: MqttClient;

  beforeEach(async () => {
    const limits = {
      connectTimeoutMs: 150,
      waitingPerAddress: 3,
      maxPacketBytes: 2000,
      packetsPerSecond: 20,
      maxAheadS: 5,
    };
    bench = await new BrokerBench({ limits }).start();
    honest = await bench.device('pi-2');
  });
  afterEach(async () => {
    assert.ok(honest.connected, 'the honest client stays connected');
    await honest.publishAsync(`${D2}/hb`, JSON.stringify({ v: 1, ts: at }), { qos: 1 });
    await bench.stop();
  });

  it('cuts a connection at a packet over the limit', async () => {
    const client = await bench.device('pi-1');
    client.publish(`${D1}/c/cam/state`, JSON.stringify({ v: 1, ts: at, pad: 'x'.repeat(3000) }), { qos: 0 });
    await closes(client);
    assert.deepEqual(bench.toldOf('onMessage', 'pi-1'), []);
  });

  it('cuts a packet whose length alone is a lie, before its bytes come', async () => {
    const client = await bench.device('pi-1');
    client.stream.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
    await closes(client);
  });

  const garbage: [string, Buffer][] = [
    ['text of another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['zeros', Buffer.alloc(1000)],
    ['a PUBLISH before any CONNECT', Buffer.from([0x30, 0x05, 0x00, 0x01, 0x61, 0x62, 0x63])],
    ['a CONNECT with a length of five bytes', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a CONNECT over the limit for strangers', Buffer.from([0x10, 0xff, 0xff, 0x03])],
    ['a CONNECT with rubbish in it', Buffer.concat([Buffer.from([0x10, 0x20]), Buffer.alloc(32, 0xff)])],
    ['a CONNECT that ends too early', Buffer.from([0x10, 0x04, 0x00, 0x04, 0x4d, 0x51])],
  ];
  for (const [what, bytes] of garbage) {
    it(`cuts a connection that sends ${what}`, async () => {
      const socket = await bench.socket();
      socket.resume();
      socket.write(bytes);
      await once(socket, 'close');
    });
  }

  it('cuts a connection that does not say who it is in time', async () => {
    const silent = await bench.socket();
    const slow = await bench.socket();
    for (const socket of [silent, slow]) socket.resume();
    slow.write(Buffer.from([0x10, 0x20, 0x00]));
    await Promise.all([once(silent, 'close'), once(slow, 'close')]);
  });

  it('bounds the connections of one address that have not shown a credential', async () => {
    const waiting = [await bench.socket(), await bench.socket(), await bench.socket()];
    for (const socket of waiting) socket.resume();
    const oneMore = await bench.socket();
    oneMore.resume();
    await once(oneMore, 'close');
    for (const socket of waiting) socket.destroy();
    await until('the door is open again', async () => {
      try {
        return await bench.device('pi-1');
      } catch {
        return undefined;
      }
    });
  });

  it('slows down a device that sends too fast, without losing its messages', async () => {
    const client = await bench.device('pi-1');
    const started = performance.now();
    for (let n = 0; n < 40; n++)
      await client.publishAsync(`${D1}/rsp/x`, JSON.stringify({ id: `${n}`, status: 'ok' }), { qos: 1 });
    const took = performance.now() - started;
    await until('all came', () => bench.toldOf('onMessage', 'pi-1').length === 40);
    assert.ok(took > 500, `${took} ms`);
    assert.ok(client.connected);
  });

  it('cuts a device that floods it', async () => {
    const client = await bench.device('pi-1');
    client.stream.write(Buffer.from(Array.from({ length: 500 }, () => [0xc0, 0x00]).flat()));
    await closes(client);
  });

  it('survives random bytes after a good beginning', async () => {
    for (let round = 0; round < 20; round++) {
      const client = await bench.device('pi-1');
      const bytes = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37 + round * 101 + (i ^ round)) & 0xff));
      client.stream.write(Buffer.concat([Buffer.from([0x30 + (round % 16) * 8, 62]), bytes]));
      client.stream.end();
      await closes(client);
    }
  });
});

describe('the broker over TLS', () => {
  it('takes devices on a port of its own, and nobody who does not speak TLS there', async () => {
    const { certFile, keyFile } = await loopbackCertificate();
    const tls = { host: '127.0.0.1', port: 'any' as const, certFile, keyFile };
    const bench = await new BrokerBench({ tls }).start();
    try {
      const login = { clientId: 'pi-1', username: 'pi-1', password: 'key-1' };
      const client = await bench.connect({ ...login, ca: await readFile(certFile) }, bench.broker.tlsUrl());
      assert.ok(client.connected);
      await assert.rejects(bench.connect(login, bench.broker.tlsUrl()), /self-signed/);
      await assert.rejects(bench.connect(login, bench.broker.tlsUrl().replace('mqtts', 'mqtt')));
    } finally {
      await bench.stop();
    }
    assert.equal(bench.broker.tlsUrl(), 'none');
  });
});
