// Many devices in one process: they connect, drop their connections all at once when told to, and come back as a device's link does: after
// 1 to 5 s at random, after a refusal later. Told over IPC: the devices, then `drop`; each return is answered with its times.
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';
import { deviceTopics, serverStateTopic } from '../../../runtime/contracts/topics.ts';
import { Backoff } from '../../../runtime/lib/backoff.ts';
import { random } from '../../support/scenes.ts';

/** What a return took, ms. */
export interface Return {
  /** from the opening of the connection to the broker's word, of the attempt that went through */
  connectMs: number;
  /** from the drop to subscriptions made and state said */
  backMs: number;
  /** attempts that were refused or cut */
  refused: number;
}

export interface Gathering {
  port: number;
  site: string;
  seed: number;
  devices: { id: string; key: string }[];
}

const RAMP_MS = 8;
const clients = new Map<string, MqttClient>();
let gathering: Gathering | undefined;
let session = 0;

process.on('disconnect', () => process.exit(0));
process.on('message', (message: Gathering | 'drop') => {
  const work = message === 'drop' ? comeBack() : gather(message);
  work.then(
    (returns) => process.send?.(returns),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function gather(given: Gathering): Promise<Return[]> {
  gathering = given;
  const all: Promise<Return>[] = [];
  for (const [at] of given.devices.entries()) {
    all.push(arrive(at, 0, performance.now()));
    await pause(RAMP_MS);
  }
  return Promise.all(all);
}

async function comeBack(): Promise<Return[]> {
  const { devices, seed } = gathering ?? { devices: [], seed: 0 };
  session += 1;
  const next = random(seed + session);
  for (const client of clients.values()) client.end(true);
  clients.clear();
  const dropped = performance.now();
  return Promise.all(devices.map((_, at) => arrive(at, 1000 + 4000 * next(), dropped)));
}

/** One device comes, however often it has to try. */
async function arrive(at: number, waitMs: number, since: number): Promise<Return> {
  const retries = new Backoff({ firstMs: 5000, maxMs: 60_000, random: Math.random });
  await pause(waitMs);
  for (let refused = 0; ; refused += 1) {
    const began = performance.now();
    try {
      const client = await connectOnce(at);
      const connectMs = performance.now() - began;
      // What waits for an answer on a connection that ends waits for ever.
      const ended = new Promise<never>((_, reject) => client.once('close', () => reject(new Error('closed'))));
      await Promise.race([greet(client, at), ended]);
      return { connectMs, backMs: performance.now() - since, refused };
    } catch {
      await pause(retries.next());
    }
  }
}

function connectOnce(at: number): Promise<MqttClient> {
  const { port, devices } = gathering ?? { port: 0, devices: [] };
  const { id = '', key = '' } = devices[at] ?? {};
  // Each from an address of its own, as from networks of their own.
  const localAddress = `127.${1 + Math.floor(at / 250)}.1.${1 + (at % 250)}`;
  const client = new mqtt.MqttClient(() => connect({ port, host: '127.0.0.1', localAddress }), {
    protocolVersion: 4,
    clientId: id,
    username: id,
    password: key,
    clean: true,
    keepalive: 30,
    connectTimeout: 10_000,
    reconnectPeriod: 0,
    resubscribe: false,
  });
  return new Promise((resolve, reject) => {
    client.once('connect', () => {
      clients.set(id, client);
      resolve(client);
    });
    client.on('error', reject);
    client.once('close', () => reject(new Error('closed')));
  });
}

async function greet(client: MqttClient, at: number): Promise<void> {
  const { site, devices } = gathering ?? { site: '', devices: [] };
  const topics = deviceTopics(site, devices[at]?.id ?? '');
  const filters = [
    topics.commands,
    topics.flowDesired,
    topics.configDesired,
    topics.cameraControls,
    serverStateTopic(site),
  ];
  await client.subscribeAsync(filters, { qos: 1 });
  const say = (topic: string, body: object) =>
    client.publishAsync(topic, JSON.stringify({ v: 1, ts: Date.now(), ...body }), { qos: 1, retain: true });
  await say(topics.state, { state: 'online', session });
  await say(topics.info, { version: '1.0.0', node: '24.0.0', platform: 'linux arm64', node_types: [], cameras: [] });
  await say(topics.flowReported, { generation: 0, phase: 'active', revision: null, slot: 'own' });
}
