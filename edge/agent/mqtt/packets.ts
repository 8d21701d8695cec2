/** Kinds of MQTT 3.1.1 packets (§2.2.1), as the first byte has them. */
export const KIND = {
  connect: 0x10,
  connack: 0x20,
  publish: 0x30,
  puback: 0x40,
  subscribe: 0x82,
  suback: 0x90,
  pingreq: 0xc0,
  pingresp: 0xd0,
  disconnect: 0xe0,
} as const;

/** One that is longer ends the connection: what a device is sent is a few kilobytes. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_TEXT = 0xffff;

/** One packet as it came: its first byte, and what follows the length. */
export interface Packet {
  first: number;
  body: Buffer;
}

export interface Will {
  topic: string;
  payload: string;
}

/** A message from the broker. */
export interface Message {
  topic: string;
  payload: Buffer;
  qos: number;
  retain: boolean;
  /** what to acknowledge it by; 0 where nothing is to be */
  id: number;
}

/** CONNECT (§3.1) with a clean session; the will is retained, at QoS 1. */
export function connectPacket(given: {
  client: string;
  user: string;
  password: string;
  keepaliveS: number;
  will: Will;
}): Buffer {
  const { client, keepaliveS, password, user, will } = given;
  // user, password, will retained at QoS 1, will, clean session
  const flags = 0x80 | 0x40 | 0x20 | 0x08 | 0x04 | 0x02;
  const head = Buffer.concat([text('MQTT'), Buffer.from([4, flags]), number(keepaliveS)]);
  return packet(KIND.connect, head, text(client), text(will.topic), text(will.payload), text(user), text(password));
}

/** PUBLISH (§3.3); `id` counts for QoS 1 only. */
export function publishPacket(
  topic: string,
  payload: string,
  how: { qos: 0 | 1; retain: boolean; id: number },
): Buffer {
  const { id, qos, retain } = how;
  const first = KIND.publish | (qos << 1) | (retain ? 1 : 0);
  return packet(first, text(topic), ...(qos > 0 ? [number(id)] : []), Buffer.from(payload, 'utf8'));
}

/** SUBSCRIBE (§3.8), everything at QoS 1. */
export function subscribePacket(id: number, filters: readonly string[]): Buffer {
  return packet(
    KIND.subscribe,
    number(id),
    ...filters.map((filter) => Buffer.concat([text(filter), Buffer.from([1])])),
  );
}

/** PUBACK (§3.4). */
export function pubackPacket(id: number): Buffer {
  return packet(KIND.puback, number(id));
}

/** PINGREQ or DISCONNECT, which have no body. */
export function barePacket(kind: number): Buffer {
  return Buffer.from([kind, 0]);
}

/** Reads a PUBLISH. Throws in words for what is none. */
export function messageOf({ first, body }: Packet): Message {
  const qos = (first >> 1) & 3;
  if (qos > 1) throw new Error('a message at QoS 2, which nobody asked for');
  const topicBytes = body.length >= 2 ? body.readUInt16BE(0) : Number.POSITIVE_INFINITY;
  const start = 2 + topicBytes + (qos > 0 ? 2 : 0);
  if (start > body.length) throw new Error('a message that ends in its topic');
  return {
    topic: body.toString('utf8', 2, 2 + topicBytes),
    // A copy: the bytes lie in a larger piece that came with it.
    payload: Buffer.from(body.subarray(start)),
    qos,
    retain: (first & 1) === 1,
    id: qos > 0 ? body.readUInt16BE(start - 2) : 0,
  };
}

/** Cuts a stream of bytes into packets (§2.2.3). Throws in words for what cannot be one. */
export class PacketReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(bytes: Buffer): Generator<Packet> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const length = lengthIn(this.#rest);
      if (!length) return;
      const { at, bytes: size } = length;
      if (size > MOST_BYTES) throw new Error(`a packet of ${size} bytes`);
      if (this.#rest.length < at + size) return;
      const whole = this.#rest;
      this.#rest = whole.subarray(at + size);
      yield { first: whole[0] ?? 0, body: whole.subarray(at, at + size) };
    }
  }
}

/** The length of the packet at the beginning, and where its body begins; undefined when more bytes have to come. */
function lengthIn(bytes: Buffer): { at: number; bytes: number } | undefined {
  let length = 0;
  for (let at = 1; at <= 4; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (at - 1);
    if (byte < 0x80) return { at: at + 1, bytes: length };
  }
  throw new Error('a length of more than four bytes');
}

function packet(first: number, ...parts: Buffer[]): Buffer {
  let length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [first];
  do {
    head.push((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
    length >>>= 7;
  } while (length > 0);
  return Buffer.concat([Buffer.from(head), ...parts]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length > MOST_TEXT) throw new RangeError(`a text of ${bytes.length} bytes is too long for MQTT`);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}
