import type { Target } from './attack.ts';
import type { Random } from './random.ts';
import { INJECTIONS } from './words.ts';

/** Bytes for the MQTT port. `after` says what the broker must do: cut the connection, or answer every subscription with a refusal. */
export interface MqttAttack {
  name: string;
  bytes: Buffer;
  after: 'cut' | 'refused subscription';
}

const CONNECT = 0x10;
const PUBLISH = 0x30;
const SUBSCRIBE = 0x82;

/** One packet of MQTT 3.1.1 (§2.2): type and flags, length, content. `claimed` is a length that lies. */
export function packet(head: number, content: Buffer, claimed = content.length): Buffer {
  const length: number[] = [];
  for (let rest = claimed; length.length === 0 || rest > 0; rest = Math.floor(rest / 128))
    length.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
  return Buffer.concat([Buffer.from([head, ...length]), content]);
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value).subarray(0, 65_535);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

export interface Hello {
  id: string;
  user?: string;
  password?: string;
  will?: { topic: string; body: string };
  protocol?: string;
  level?: number;
}

/** A CONNECT (§3.1). */
export function hello({ id, user, password, will, protocol = 'MQTT', level = 4 }: Hello): Buffer {
  const flags = 2 | (will ? 4 : 0) | (password === undefined ? 0 : 64) | (user === undefined ? 0 : 128);
  const parts = [text(protocol), Buffer.from([level, flags, 0, 60]), text(id)];
  if (will) parts.push(text(will.topic), text(will.body));
  if (user !== undefined) parts.push(text(user));
  if (password !== undefined) parts.push(text(password));
  return packet(CONNECT, Buffer.concat(parts));
}

function publish(topic: string | Buffer, body: string | Buffer, flags = 0): Buffer {
  const number = (flags & 6) === 0 ? Buffer.alloc(0) : Buffer.from([0, 7]);
  return packet(PUBLISH | flags, Buffer.concat([text(topic), number, Buffer.from(body)]));
}

function subscribe(filter: string): Buffer {
  return packet(SUBSCRIBE, Buffer.concat([Buffer.from([0, 9]), text(filter), Buffer.from([1])]));
}

/** Hostile MQTT: wrong credentials, foreign topics, packets too large or no packets at all. */
export function mqttAttacks(target: Target, random: Random): MqttAttack[] {
  const [device, other] = target.devices;
  if (!device || !other) throw new Error('this needs two devices');
  const known = hello({ id: device.id, user: device.id, password: device.key });
  const topic = (id: string, rest: string) => `redeye/v1/home/d/${id}/${rest}`;
  const body = JSON.stringify({ v: 1, ts: 1, state: 'online', session: 1 });
  const strangers: [string, Hello][] = [
    ['no credential', { id: device.id }],
    ['no password', { id: device.id, user: device.id }],
    ['a wrong password', { id: device.id, user: device.id, password: target.secret }],
    ['token of a user', { id: device.id, user: 'mallory', password: target.token }],
    ["another device's key", { id: other.id, user: other.id, password: device.key }],
    ["another device's id", { id: 'honest', user: device.id, password: device.key }],
    ["another device's name", { id: device.id, user: 'honest', password: device.key }],
    ['the id of the server', { id: 'server', user: 'server', password: device.key }],
    ['an empty id', { id: '', user: device.id, password: device.key }],
    [
      'protocol 3',
      {
        id: device.id,
        user: device.id,
        password: device.key,
        protocol: 'MQIsdp',
        level: 3,
        will: { topic: topic(other.id, 'state'), body },
      },
    ],
    ['protocol 99', { id: device.id, user: device.id, password: device.key, level: 99 }],
    ['a protocol of nobody', { id: device.id, user: device.id, password: device.key, protocol: 'XXXX' }],
    [
      "a will on another's state",
      { id: device.id, user: device.id, password: device.key, will: { topic: topic(other.id, 'state'), body } },
    ],
    [
      'a will with a wildcard',
      { id: device.id, user: device.id, password: device.key, will: { topic: topic('+', 'state'), body } },
    ],
    [
      'a will that is no state',
      {
        id: device.id,
        user: device.id,
        password: device.key,
        will: { topic: topic(device.id, 'state'), body: target.secret },
      },
    ],
    ['a very long id', { id: 'x'.repeat(60_000), user: device.id, password: device.key }],
    ['a very long password', { id: device.id, user: device.id, password: target.secret.repeat(2000) }],
    ...INJECTIONS.filter((word) => word !== '').map((word): [string, Hello] => [
      `id ${JSON.stringify(word).slice(0, 40)}`,
      { id: word, user: word, password: device.key },
    ]),
  ];
  const topics = [
    topic(other.id, 'state'),
    topic('honest', 'hb'),
    topic('honest', 'cmd/reboot'),
    topic('honest', 'cfg/desired'),
    topic(device.id, 'cmd/reboot'),
    topic(device.id, 'cfg/desired'),
    topic(device.id, 'flow/desired'),
    topic(device.id, `../${other.id}/state`),
    topic(device.id.toUpperCase(), 'state'),
    topic(`${device.id}\u0000`, 'state'),
    topic('+', 'state'),
    topic('#', ''),
    'redeye/v1/home/server/state',
    'redeye/v1/other/d/victim-0/state',
    '$SYS/broker/uptime',
    '$share/a/b',
    '',
    '/',
    '/'.repeat(60_000),
    'x'.repeat(65_535),
    'homeassistant/device/x/config',
  ];
  const filters = [
    '#',
    '+',
    '+/#',
    '$SYS/#',
    'redeye/#',
    'redeye/v1/home/d/+/state',
    topic(other.id, 'cmd/+'),
    topic(device.id, '#'),
    topic(device.id, '+/+'),
    topic(other.id, 'state'),
    '$share/g/redeye/#',
  ];
  const big = Buffer.alloc(300_000, 0x78);
  const garbage: [string, Buffer][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['TLS', Buffer.from('16030100c8010000c403035500000000', 'hex')],
    ['a publication first', publish(topic(device.id, 'state'), body)],
    ['a subscription first', subscribe('#')],
    ['a length without end', Buffer.from([CONNECT, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ['a greeting of 256 MB', packet(CONNECT, Buffer.alloc(100), 268_435_455)],
    ['a greeting cut short', known.subarray(0, 8)],
    ['lengths that lie', packet(CONNECT, Buffer.from('00ff4d515454', 'hex'))],
    ['an empty greeting', packet(CONNECT, Buffer.alloc(0))],
    ['a second greeting', Buffer.concat([known, known])],
    ['a packet of 300 KB', Buffer.concat([known, publish(topic(device.id, 'state'), big)])],
    ['a packet said to have 256 MB', Buffer.concat([known, packet(PUBLISH, Buffer.alloc(100), 268_435_455)])],
    ['QoS 3', Buffer.concat([known, publish(topic(device.id, 'state'), body, 6)])],
    ['type 0', Buffer.concat([known, Buffer.from([0, 0])])],
    ['an answer of the server', Buffer.concat([known, Buffer.from([0x20, 2, 0, 0])])],
    ['a subscription without filters', Buffer.concat([known, packet(SUBSCRIBE, Buffer.from([0, 1]))])],
    ['a retained heartbeat', Buffer.concat([known, publish(topic(device.id, 'hb'), '{}', 1)])],
    ['a topic that is no text', Buffer.concat([known, publish(Buffer.from([0xff, 0xfe, 0xc0]), body)])],
    ['2000 packets at once', Buffer.concat([known, ...Array.from({ length: 2000 }, () => Buffer.from([0xc0, 0]))])],
    ...Array.from({ length: 20 }, (_, n): [string, Buffer] => [`noise ${n}`, random.bytes(random.int(2, 4000))]),
    ...Array.from({ length: 20 }, (_, n): [string, Buffer] => [
      `noise ${n} after the greeting`,
      Buffer.concat([known, Buffer.from([0, 0]), random.bytes(200)]),
    ]),
  ];
  return [
    ...strangers.map(([name, greeting]): MqttAttack => ({ name, bytes: hello(greeting), after: 'cut' })),
    ...topics.map(
      (one): MqttAttack => ({
        name: `publishes ${one.slice(0, 60)}`,
        bytes: Buffer.concat([known, publish(one, body, 2)]),
        after: 'cut',
      }),
    ),
    ...garbage.map(([name, bytes]): MqttAttack => ({ name, bytes, after: 'cut' })),
    ...filters.map(
      (filter): MqttAttack => ({
        name: `subscribes ${filter}`,
        bytes: Buffer.concat([known, subscribe(filter)]),
        after: 'refused subscription',
      }),
    ),
  ];
}
