// Many devices in one process: they connect, drop their connections all at once when told to, and come back as a device's link does: after
// 1 to 5 s at random, after a refusal later. Told over IPC: the devices, then `drop`; each return is answered with its times.
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { NODE_TYPES } from '../../../runtime/contracts/node-types.ts';
import { deviceTopics, serverStateTopic } from '../../../runtime/contracts/topics.ts';
import { Backoff } from '../../../runtime/lib/backoff.ts';
import { random } from '../../support/scenes.ts';
import { connectPacket, Ear, type Heard, PING, pubackPacket, publishPacket, subscribePacket } from './mqtt-wire.ts';

/** What a return took, ms. */
export interface Return {
  /** from the opening of the connection to the broker's word, of the attempt that went through */
  connectMs: number;
  /** from the drop to subscriptions made and state said */
  backMs: number;
  /** attempts that were refused or cut */
  refused: number;
}

/** All returns, and what this process used up for them. */
export interface Returned {
  returns: Return[];
  cpuMs: number;
}

export interface CrowdDevice {
  id: string;
  key: string;
  camera: string;
}

export interface Gathering {
  port: number;
  site: string;
  seed: number;
  devices: CrowdDevice[];
}

const RAMP_MS = 8;
const KEEPALIVE_S = 30;
/** Everybody pings once in so many turns: together they would be a burst of their own. */
const PING_TURNS = 100;
const PING_TURN_MS = 200;
const ATTEMPT_MS = 10_000;
const sockets = new Set<Socket>();
let gathering: Gathering = { port: 0, site: '', seed: 0, devices: [] };
let session = 0;
let turn = 0;

process.on('disconnect', () => process.exit(0));
process.on('message', (message: Gathering | 'drop') => {
  const before = process.cpuUsage();
  const work = message === 'drop' ? comeBack() : gather(message);
  work.then(
    (returns) => {
      const { user, system } = process.cpuUsage(before);
      process.send?.({ returns, cpuMs: (user + system) / 1000 } satisfies Returned);
    },
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
setInterval(() => {
  turn = (turn + 1) % PING_TURNS;
  let at = 0;
  for (const socket of sockets) {
    if (at % PING_TURNS === turn) socket.write(PING);
    at += 1;
  }
}, PING_TURN_MS);

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
  session += 1;
  const next = random(gathering.seed + session);
  next();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  const dropped = performance.now();
  return Promise.all(gathering.devices.map((_, at) => arrive(at, 1000 + 4000 * next(), dropped)));
}

/** One device comes, however often it has to try. */
async function arrive(at: number, waitMs: number, since: number): Promise<Return> {
  const retries = new Backoff({ firstMs: 5000, maxMs: 60_000, random: Math.random });
  await pause(waitMs);
  for (let refused = 0; ; refused += 1) {
    try {
      const connectMs = await attempt(at);
      return { connectMs, backMs: performance.now() - since, refused };
    } catch {
      await pause(retries.next());
    }
  }
}

/** One connection and what a device says on it: answers the time of CONNECT when all of it was acknowledged. It stays open after that. */
function attempt(at: number): Promise<number> {
  const device = gathering.devices[at] ?? { id: '', key: '', camera: '' };
  const topics = deviceTopics(gathering.site, device.id);
  const began = performance.now();
  // Each from an address of its own, as from networks of their own.
  const localAddress = `127.${1 + Math.floor(at / 250)}.1.${1 + (at % 250)}`;
  const socket = connect({ port: gathering.port, host: '127.0.0.1', localAddress, noDelay: true });
  const ear = new Ear();
  let connectMs = 0;
  const will = { topic: topics.state, payload: body({ state: 'offline', session }) };
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => socket.destroy(), ATTEMPT_MS);
    socket.on('connect', () => socket.write(connectPacket({ ...device, keepaliveS: KEEPALIVE_S, will })));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(late);
      sockets.delete(socket);
      reject(new Error('closed'));
    });
    const hear = (heard: Heard): void => {
      if (heard.kind === 'publish') answer(socket, device, heard);
      else if (isRefusal(heard)) socket.destroy();
      else if (heard.kind === 'connack') {
        connectMs = performance.now() - began;
        socket.write(subscribePacket(1, filtersOf(device)));
      } else if (heard.kind === 'suback' && heard.id === 1) {
        // In one go, as a device's link does.
        const state = say(topics.state, { state: 'online', session }, 2);
        socket.write(Buffer.concat([state, say(topics.info, infoOf(device), 3), say(topics.flowReported, REPORT, 4)]));
      } else if (heard.kind === 'puback') {
        if (heard.id !== 4) return;
        clearTimeout(late);
        sockets.add(socket);
        socket.write(afterwards(device));
        resolve(connectMs);
      }
    };
    socket.on('data', (chunk) => {
      for (const heard of ear.hear(chunk)) hear(heard);
    });
  });
}

function isRefusal(heard: Heard): boolean {
  return (heard.kind === 'connack' && heard.code !== 0) || (heard.kind === 'suback' && heard.refused);
}

const REPORT = { generation: 0, phase: 'active', revision: null, slot: 'own' };

function filtersOf({ id }: CrowdDevice): string[] {
  const topics = deviceTopics(gathering.site, id);
  const own = [topics.commands, topics.flowDesired, topics.configDesired, topics.cameraControls];
  return [...own, serverStateTopic(gathering.site)];
}

function infoOf({ camera }: CrowdDevice): object {
  return {
    version: '1.0.0',
    node: '24.0.0',
    platform: 'linux arm64',
    node_types: Object.keys(NODE_TYPES),
    cameras: [{ id: camera, driver: 'sim', state: 'live' }],
  };
}

/** What a device says when it has introduced itself. */
function afterwards({ id, camera }: CrowdDevice): Buffer {
  const topics = deviceTopics(gathering.site, id);
  return Buffer.concat([
    say(topics.cameraState(camera), { state: 'live', driver: 'sim' }, 5),
    publishPacket(topics.heartbeat, body({ fw_version: '1.0.0', health: { uptime_s: 1, rss_mb: 60 } }), {}),
    subscribePacket(6, [topics.state]),
  ]);
}

/** Acknowledges, and answers the one question that the server asks whoever comes: how its camera is set. */
function answer(socket: Socket, { id }: CrowdDevice, heard: Extract<Heard, { kind: 'publish' }>): void {
  if (heard.qos > 0) socket.write(pubackPacket(heard.id));
  const topics = deviceTopics(gathering.site, id);
  if (heard.topic !== topics.command('camera-settings')) return;
  const { id: command, reply_to } = JSON.parse(heard.payload.toString()) as { id: string; reply_to: string };
  const said = { id: command, status: 'error', code: 'camera.unreachable', error: 'nobody looks' };
  socket.write(publishPacket(topics.response(reply_to), JSON.stringify(said), { id: 7 }));
}

function say(topic: string, what: object, id: number): Buffer {
  return publishPacket(topic, body(what), { id, retain: true });
}

function body(what: object): string {
  return JSON.stringify({ v: 1, ts: Date.now(), ...what });
}
