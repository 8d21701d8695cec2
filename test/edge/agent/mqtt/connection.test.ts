import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { Aedes } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';
import {
  isPlainMqtt,
  type MqttConnection,
  type MqttOptions,
  openMqtt,
  REFUSED,
} from '../../../../edge/agent/mqtt/connection.ts';
import { openPackagedMqtt } from '../../../../edge/agent/mqtt/packaged.ts';
import { PacketReader, publishPacket } from '../../../../edge/agent/mqtt/packets.ts';
import { systemClock } from '../../../../runtime/lib/clock.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { temporaryFolder } from '../../../support/folders.ts';
import { until } from '../../../support/until.ts';

/** What a connection said of itself. */
interface Facts {
  isConnected: boolean;
  messages: { topic: string; payload: Buffer; retained: boolean }[];
  ends: string[];
}

describe('the small MQTT client', () => {
  let broker: Aedes;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const open: MqttConnection[] = [];
  let facts: Facts;

  const options = (change: Partial<MqttOptions> = {}): MqttOptions => ({
    client: 'pi',
    user: 'pi',
    password: 'schlüssel',
    keepaliveS: 30,
    connectMs: 5000,
    will: { topic: 'will/pi', payload: 'gone' },
    clock: systemClock,
    onConnect: () => {
      facts.isConnected = true;
    },
    onMessage: (topic, payload, retained) => facts.messages.push({ topic, payload, retained }),
    onEnd: (reason) => facts.ends.push(reason),
    ...change,
  });
  const listen = async (server: Server) => {
    servers.push(server);
    server.on('connection', (socket: Socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  const connect = async (url: string, change: Partial<MqttOptions> = {}) => {
    const connection = openMqtt(url, options(change));
    open.push(connection);
    await until('it is connected, or over', () => facts.isConnected || facts.ends.length > 0);
    return connection;
  };

  before(async () => {
    broker = await Aedes.createBroker({
      authenticate: (_client, _user, password, done) => {
        const fits = String(password) === 'schlüssel';
        done(fits ? null : Object.assign(new Error('no'), { returnCode: 5 as const }), fits);
      },
      authorizeSubscribe: (_client, subscription, done) =>
        done(null, subscription.topic === 'secret' ? null : subscription),
    });
  });
  beforeEach(() => {
    facts = { isConnected: false, messages: [], ends: [] };
  });
  afterEach(async () => {
    for (const connection of open.splice(0)) connection.end(true);
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });
  after(() => new Promise<void>((resolve) => broker.close(resolve)));

  it('brings messages of every size both ways, and says what of its wishes was granted', async () => {
    const connection = await connect(`mqtt://127.0.0.1:${await listen(createServer(broker.handle))}`);
    assert.deepEqual(await connection.subscribe(['echo/+', 'secret']), [1, REFUSED]);
    const texts = ['', 'ä', 'x'.repeat(127), 'y'.repeat(16_384), 'z'.repeat(2_097_152), 'ü'.repeat(300_000)];
    for (const [n, text] of texts.entries()) await connection.publish(`echo/${n}`, text, { qos: 1, retain: n === 1 });
    await connection.publish('echo/last', 'unacknowledged', { qos: 0, retain: false });
    await until('all of them are back', () => facts.messages.length === texts.length + 1);
    assert.deepEqual(
      facts.messages.map(({ payload, topic }) => `${topic} ${payload.toString()}`),
      [...texts.map((text, n) => `echo/${n} ${text}`), 'echo/last unacknowledged'],
    );
    facts.messages.length = 0;
    await connection.subscribe(['+/1']);
    await until('the kept one', () => facts.messages.some(({ retained }) => retained));
    connection.end();
    await until('the end', () => facts.ends.length === 1);
    await assert.rejects(connection.publish('echo/0', 'late', { qos: 1, retain: false }), /not connected/);
  });

  it('leaves its will when it is cut, and none after a goodbye', async () => {
    const wills: string[] = [];
    const note = ({ topic }: { topic: string }) => topic.startsWith('will/') && wills.push(topic);
    broker.on('publish', note);
    const url = `mqtt://127.0.0.1:${await listen(createServer(broker.handle))}`;
    (await connect(url)).end();
    await until('the goodbye', () => facts.ends.length === 1 && broker.connectedClients === 0);
    assert.deepEqual(wills, []);
    facts = { isConnected: false, messages: [], ends: [] };
    (await connect(url)).end(true);
    await until('the will', () => wills.length === 1);
    broker.off('publish', note);
  });

  it('says why it is over: refused, nobody there, no answer', async () => {
    const url = `mqtt://127.0.0.1:${await listen(createServer(broker.handle))}`;
    await connect(url, { password: 'wrong' });
    const silent = await listen(createServer());
    await until('the refusal', () => facts.ends.length === 1);
    await connect(`mqtt://127.0.0.1:${silent}`, { connectMs: 50 });
    await until('the silence', () => facts.ends.length === 2);
    const gone = createServer();
    const port = await listen(gone);
    await new Promise((resolve) => gone.close(resolve));
    await connect(`mqtt://127.0.0.1:${port}`);
    await until('the nobody', () => facts.ends.length === 3);
    assert.match(facts.ends.join('; '), /not authorized; no connection within 0.05 s; .*ECONNREFUSED/);
  });

  it('ends, and nothing worse, whatever a broker sends', async () => {
    const taken = Buffer.from([0x20, 2, 0, 0]);
    const cases: [Buffer, RegExp][] = [
      [Buffer.from('HTTP/1.1 400 Bad Request\r\n'.repeat(9)), /something else than an answer/],
      [Buffer.from([0x20, 0xff, 0xff, 0xff, 0xff, 1]), /more than four bytes/],
      [Buffer.concat([taken, Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])]), /a packet of 268435455 bytes/],
      [Buffer.concat([taken, Buffer.from([0x30, 3, 0, 9, 65])]), /ends in its topic/],
      [Buffer.concat([taken, Buffer.from([0x34, 5, 0, 1, 65, 0, 1])]), /QoS 2/],
      [Buffer.concat([taken, Buffer.from([0x40, 0])]), /acknowledgement of nothing/],
      [Buffer.concat([taken, Buffer.from([0x10, 0])]), /kind 0x10/],
    ];
    for (const [bytes, reason] of cases) {
      facts = { isConnected: false, messages: [], ends: [] };
      await connect(`mqtt://127.0.0.1:${await listen(createServer((socket) => socket.write(bytes)))}`);
      await until('the end', () => facts.ends.length > 0);
      assert.match(facts.ends.join(), reason);
    }
  });

  it('notices a broker that is silent after one and a half keepalives, having asked for a sign of life', async () => {
    const clock = new FakeClock();
    const heard: number[] = [];
    const server = createServer((socket) => {
      socket.write(Buffer.from([0x20, 2, 0, 0]));
      socket.on('data', (bytes) => heard.push(bytes[0] ?? 0));
    });
    await connect(`mqtt://127.0.0.1:${await listen(server)}`, { clock });
    await clock.advance(44_000);
    assert.deepEqual(facts.ends, []);
    await until('it asked', () => heard.includes(0xc0));
    await clock.advance(2000);
    assert.deepEqual(facts.ends, ['the broker is silent']);
    assert.equal(clock.timers, 0);
  });

  it('reads packets however they are cut', () => {
    const whole = Buffer.concat([
      publishPacket('a', 'x'.repeat(300), { qos: 1, retain: false, id: 7 }),
      publishPacket('b', '', { qos: 0, retain: true, id: 0 }),
    ]);
    for (const size of [1, 2, 3, 100, whole.length]) {
      const reader = new PacketReader();
      const bodies: number[] = [];
      for (let at = 0; at < whole.length; at += size)
        for (const { body } of reader.read(whole.subarray(at, at + size))) bodies.push(body.length);
      assert.deepEqual(bodies, [305, 3]);
    }
  });

  it('speaks TLS to a broker whose certificate is good, and to no other', async () => {
    const folder = await temporaryFolder('mqtt-tls');
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', [...kind, '-keyout', keyFile, '-out', certFile, ...subject], { stdio: 'ignore' });
    const [cert, key] = [await readFile(certFile, 'utf8'), await readFile(keyFile)];
    const port = await listen(createTlsServer({ cert, key }, broker.handle));
    await connect(`mqtts://127.0.0.1:${port}`);
    await until('it was left', () => facts.ends.length === 1);
    assert.match(facts.ends.join(), /self-signed/);
    const known = getCACertificates();
    setDefaultCACertificates([...known, cert]);
    try {
      for (const host of ['127.0.0.1', 'localhost']) {
        facts = { isConnected: false, messages: [], ends: [] };
        const connection = await connect(`mqtts://${host}:${port}`);
        assert.deepEqual(await connection.subscribe(['echo/+']), [1], facts.ends.join());
        // The next one has the same name: the broker would end this one, and its end would be taken for the other's.
        connection.end();
        await until('its end', () => facts.ends.length === 1);
      }
    } finally {
      setDefaultCACertificates(known);
    }
  });

  it('leaves WebSockets to the package, behind the same face', async () => {
    assert.deepEqual(['mqtt://h', 'mqtts://h:1', 'ws://h/mqtt', 'nothing'].map(isPlainMqtt), [
      true,
      true,
      false,
      false,
    ]);
    const server = createHttpServer();
    new WebSocketServer({ server }).on('connection', (socket) => broker.handle(createWebSocketStream(socket)));
    const connection = await openPackagedMqtt(`ws://127.0.0.1:${await listen(server)}/mqtt`, options());
    open.push(connection);
    await until('it is connected', () => facts.isConnected);
    assert.deepEqual(await connection.subscribe(['echo/+']), [1]);
    await connection.publish('echo/x', 'over', { qos: 1, retain: false });
    await until('the message', () => facts.messages.length === 1);
    connection.end();
    await until('the end', () => facts.ends.length === 1);
  });
});
