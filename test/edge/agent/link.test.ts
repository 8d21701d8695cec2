import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Aedes, type AedesPublishPacket } from 'aedes';
import { Link } from '../../../edge/agent/link.ts';
import { SessionNumber } from '../../../edge/agent/session-number.ts';
import { Reservation } from '../../../edge/spool/reservation.ts';
import type { CameraStatus } from '../../../runtime/contracts/cameras.ts';
import type { DeviceStateMessage } from '../../../runtime/contracts/mqtt-messages.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';
import { silentLog } from '../../../runtime/lib/log.ts';
import { temporaryFolder } from '../../support/folders.ts';
import { until } from '../../support/until.ts';

interface Heard {
  topic: string;
  body: Record<string, unknown>;
  retain: boolean;
  qos: number;
}
const ROOT = 'redeye/v1/home';
const MINE = `${ROOT}/d/pi`;

describe('the MQTT link', () => {
  let broker: Aedes;
  let server: Server;
  let sockets: Set<Socket>;
  let heard: Heard[];
  let filters: string[];
  let connects: { id: string; user: string; password: string }[];
  let refuse: boolean;
  let ownStateAllowed: boolean;
  let folder: string;
  let state: DeviceStateMessage['state'];
  let cameras: CameraStatus[];
  let wakes: string[];
  let commands: [string, Record<string, unknown>][];
  let sets: [camera: string, control: string, body: Record<string, unknown>][];
  const links: Link[] = [];

  const of = (path: string) => heard.filter((message) => message.topic === `${MINE}/${path}`);
  const url = () => `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const listen = async (port = 0) => {
    broker = await Aedes.createBroker({
      authenticate: (client, user, password, done) => {
        connects.push({ id: client.id, user: String(user), password: String(password) });
        done(refuse ? Object.assign(new Error('no'), { returnCode: 4 as const }) : null, !refuse);
      },
      authorizeSubscribe: (_client, subscription, done) => {
        const allowed = ownStateAllowed || subscription.topic !== `${MINE}/state`;
        if (allowed) filters.push(subscription.topic);
        done(null, allowed ? subscription : null);
      },
    });
    broker.on('publish', (packet: AedesPublishPacket, client) => {
      if (!packet.topic.startsWith(MINE) || (client && client.id !== 'pi')) return;
      const text = packet.payload.toString();
      if (!text.startsWith('{')) return;
      const body = JSON.parse(text);
      heard.push({ topic: packet.topic, body, retain: packet.retain, qos: packet.qos });
    });
    sockets = new Set();
    server = createServer((socket) => {
      sockets.add(socket);
      broker.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  };
  const closeBroker = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => broker.close(resolve));
  };
  const say = (topic: string, body: object | string, retain = false) =>
    new Promise<void>((resolve, reject) => {
      const payload = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      const packet = { cmd: 'publish' as const, topic, payload, qos: 1 as const, retain, dup: false };
      broker.publish(packet, (error) => (error ? reject(error) : resolve()));
    });
  const make = async () => {
    const link = new Link({
      device: 'pi',
      key: 'the-key',
      sessions: new SessionNumber(new Reservation(join(folder, 'session.json')), systemClock),
      clock: systemClock,
      log: silentLog,
      state: () => state,
      info: () => ({ version: '1', node: '24', platform: 'linux', node_types: ['camera'], cameras: [] }),
      cameras: () => cameras,
      onConfigDesired: () => wakes.push('config'),
      onServerOnline: () => wakes.push('server'),
      onCommand: (name, body) => commands.push([name, body]),
      onControl: (...set) => sets.push(set),
      // The shortest waits: a second.
      random: () => 0,
    });
    links.push(link);
    await link.start();
    return link;
  };
  const connected = async () => {
    const link = await make();
    link.use({ url: url(), root: ROOT });
    await until('connected', () => link.connected);
    return link;
  };

  beforeEach(async () => {
    heard = [];
    filters = [];
    connects = [];
    wakes = [];
    commands = [];
    sets = [];
    refuse = false;
    ownStateAllowed = true;
    state = 'online';
    cameras = [{ id: 'pi-cam', driver: 'sim', state: 'live', lastFrameAt: 1 }];
    folder = await temporaryFolder('link');
    await listen();
  });
  afterEach(async () => {
    for (const link of links.splice(0)) await link.stop();
    await closeBroker();
  });

  it('rests until it is told where the broker is, and where there is no MQTT', async () => {
    const link = await make();
    link.use({ url: '', root: ROOT });
    link.use({ url: url(), root: 'somebody/elses' });
    assert.equal(link.beat({}), false);
    assert.equal(connects.length, 0);
    link.use({ url: url(), root: ROOT });
    await until('connected', () => link.connected);
  });

  it('comes as the device with its key, asks for exactly its topics, and says how it is', async () => {
    await connected();
    assert.deepEqual(connects, [{ id: 'pi', user: 'pi', password: 'the-key' }]);
    const asked = ['cmd/+', 'flow/desired', 'cfg/desired', 'c/+/+/set'].map((path) => `${MINE}/${path}`);
    assert.deepEqual(filters.slice(0, 5).sort(), [...asked, `${ROOT}/server/state`].sort());
    const [online] = of('state');
    assert.equal(online?.body.state, 'online');
    assert.equal(online?.body.v, 1);
    assert.ok(online?.retain && Number.isInteger(online.body.ts) && Number.isInteger(online.body.session));
    assert.equal(of('info')[0]?.retain, true);
    await until('its camera', () => of('c/pi-cam/state').length === 1);
    assert.equal(of('c/pi-cam/state')[0]?.body.state, 'live');
  });

  it('sends heartbeats with QoS 0, and states when they change', async () => {
    const link = await connected();
    assert.equal(link.beat({ fw_version: '1' }), true);
    await until('the heartbeat', () => of('hb').length === 1);
    assert.deepEqual([of('hb')[0]?.qos, of('hb')[0]?.retain], [0, false]);
    link.tellState();
    state = 'degraded';
    link.tellState();
    await until('degraded', () => of('state').at(-1)?.body.state === 'degraded');
    assert.equal(of('state').length, 2);
    link.tellCameras();
    cameras = [{ id: 'pi-cam', driver: 'sim', state: 'stalled', reason: 'no picture' }];
    link.tellCameras();
    await until('the stalled camera', () => of('c/pi-cam/state').at(-1)?.body.reason === 'no picture');
    assert.equal(of('c/pi-cam/state').length, 2);
  });

  it('rises the session with each connection, and goes on after a restart', async () => {
    const first = await connected();
    for (const socket of sockets) socket.destroy();
    await until(
      'connected again',
      () => of('state').filter(({ body }) => body.state === 'online').length === 2,
      15_000,
    );
    await first.stop();
    await connected();
    // It may have said so twice in a connection: once more after the will of the one before.
    const online = of('state').filter(({ body }) => body.state === 'online');
    const sessions = [...new Set(online.map(({ body }) => Number(body.session)))];
    assert.equal(sessions.length, 3);
    const [a = 0, b = 0, c = 0] = sessions;
    assert.deepEqual([b, c], [a + 1, a + 2]);
  });

  it('leaves a will with the session of its connection, and none after a goodbye', async () => {
    const link = await connected();
    const session = of('state')[0]?.body.session;
    for (const socket of sockets) socket.destroy();
    await until('the will', () => of('state').some(({ body }) => body.state === 'offline' && body.session === session));
    await until('connected again', () => link.connected, 15_000);
    await link.stop();
    const offline = of('state').filter(({ body }) => body.state === 'offline');
    assert.deepEqual(
      offline.map(({ body }) => body.session),
      [session, Number(session) + 1],
    );
    assert.equal(offline.at(-1)?.retain, true);
  });

  it('says again how it is when a farewell of an older session stands in its place', async () => {
    await connected();
    await until('it hears itself', () => filters.includes(`${MINE}/state`));
    const session = Number(of('state')[0]?.body.session);
    await say(`${MINE}/state`, { v: 1, ts: 1, state: 'offline', session: session - 1 }, true);
    await until('its own word again', () => {
      const last = of('state').at(-1);
      return of('state').length >= 3 && last?.body.state === 'online' && last.body.session === session;
    });
  });

  it('does without its own state where the broker does not let it', async () => {
    ownStateAllowed = false;
    const link = await connected();
    assert.equal(link.beat({}), true);
    await until('the heartbeat', () => of('hb').length === 1);
  });

  it('wakes the configuration and the upload, and hands commands on', async () => {
    const link = await connected();
    await say(`${MINE}/cfg/desired`, { v: 1, ts: 1, version: 2 });
    await say(`${ROOT}/server/state`, { v: 1, ts: 1, state: 'online' });
    await say(`${MINE}/cmd/dance`, 'not json');
    await say(`${MINE}/cmd/dance`, { id: 'c1', reply_to: 'console-1', counter: 1, args: {} });
    await until('the command', () => commands.length === 1);
    assert.deepEqual(commands, [['dance', { id: 'c1', reply_to: 'console-1', counter: 1, args: {} }]]);
    await link.answer('console-1', { id: 'c1', status: 'ok' });
    const [answer] = of('rsp/console-1');
    assert.deepEqual([answer?.body.id, answer?.body.status, answer?.retain], ['c1', 'ok', false]);
    assert.deepEqual(wakes, ['config', 'server']);
  });

  it('never hands on a retained command', async () => {
    await say(`${MINE}/cmd/dance`, { id: 'old', reply_to: 'console-1' }, true);
    await connected();
    await say(`${MINE}/cmd/dance`, { id: 'new', reply_to: 'console-1' });
    await until('a command', () => commands.length > 0);
    assert.deepEqual(commands, [['dance', { id: 'new', reply_to: 'console-1' }]]);
  });

  it('hands on what is set of its cameras, never what was kept, and says how a control is', async () => {
    await say(`${MINE}/c/pi-cam/gain/set`, { value: 9 }, true);
    const link = await connected();
    await say(`${MINE}/c/pi-cam/gain/set`, { value: 2 });
    await until('it is handed on', () => sets.length > 0);
    assert.deepEqual(sets, [['pi-cam', 'gain', { value: 2 }]]);
    link.tellControl('pi-cam', 'gain', { value: 2, range: { min: 1, max: 8 } });
    await until('it is said', () => of('c/pi-cam/gain/state').length === 1);
    const [state] = of('c/pi-cam/gain/state');
    assert.equal(state?.retain, true);
    const { v, ts, ...rest } = state?.body ?? {};
    assert.deepEqual([v, typeof ts, rest], [1, 'number', { value: 2, range: { min: 1, max: 8 } }]);
  });

  it('comes back by itself after the broker was away and after a refusal', async () => {
    const link = await connected();
    const { port } = server.address() as AddressInfo;
    await closeBroker();
    await until('the loss is noticed', () => !link.connected);
    refuse = true;
    await listen(port);
    await until('it was refused', () => connects.length >= 2, 15_000);
    assert.equal(link.connected, false);
    refuse = false;
    await until('connected again', () => link.connected, 15_000);
  });

  it('moves when the configuration names another broker', async () => {
    const link = await connected();
    const first = { broker, server, sockets };
    await listen();
    link.use({ url: url(), root: ROOT });
    await until('at the other one', () => broker.connectedClients === 1, 15_000);
    await until('connected', () => link.connected);
    for (const socket of first.sockets) socket.destroy();
    await new Promise((resolve) => first.server.close(resolve));
    await new Promise<void>((resolve) => first.broker.close(resolve));
  });
});
