// As much of MQTT 3.1.1 as a crowd of devices needs, written to bare sockets: a client library for each took more of the machine than the
// broker that is looked at.

/** What comes from a broker, as far as it is of interest. */
export type Heard =
  | { kind: 'connack'; code: number }
  | { kind: 'suback'; id: number; refused: boolean }
  | { kind: 'puback'; id: number }
  | { kind: 'publish'; topic: string; payload: Buffer; qos: number; id: number }
  | { kind: 'other' };

export interface Login {
  id: string;
  key: string;
  keepaliveS: number;
  will: { topic: string; payload: string };
}

/** CONNECT with a clean session, user name, password, and a retained will of QoS 1 (§3.1). */
export function connectPacket({ id, key, keepaliveS, will }: Login): Buffer {
  const flags = 0b1110_1110;
  const fields = [text('MQTT'), Buffer.from([4, flags]), short(keepaliveS)];
  return packet(0x10, [...fields, text(id), text(will.topic), text(will.payload), text(id), text(key)]);
}

/** SUBSCRIBE with QoS 1 for all (§3.8). */
export function subscribePacket(id: number, filters: readonly string[]): Buffer {
  return packet(0x82, [short(id), ...filters.flatMap((filter) => [text(filter), Buffer.from([1])])]);
}

/** PUBLISH; without an id of QoS 0 (§3.3). */
export function publishPacket(
  topic: string,
  payload: string,
  { id, retain = false }: { id?: number; retain?: boolean },
) {
  const flags = 0x30 | (retain ? 1 : 0) | (id === undefined ? 0 : 2);
  return packet(flags, [text(topic), ...(id === undefined ? [] : [short(id)]), Buffer.from(payload)]);
}

/** PUBACK (§3.4). */
export function pubackPacket(id: number): Buffer {
  return packet(0x40, [short(id)]);
}

export const PING = Buffer.from([0xc0, 0]);

/** Takes a stream of bytes apart. */
export class Ear {
  #rest = Buffer.alloc(0);

  /** The packets that are whole now. */
  hear(chunk: Buffer): Heard[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const heard: Heard[] = [];
    for (;;) {
      const size = sizeOf(bytes);
      if (size === undefined || bytes.length < size.whole) break;
      heard.push(meaning(bytes[0] ?? 0, bytes.subarray(size.head, size.whole)));
      bytes = bytes.subarray(size.whole);
    }
    this.#rest = Buffer.from(bytes);
    return heard;
  }
}

function meaning(first: number, body: Buffer): Heard {
  switch (first >> 4) {
    case 2:
      return { kind: 'connack', code: body[1] ?? -1 };
    case 9:
      return { kind: 'suback', id: body.readUInt16BE(0), refused: body.subarray(2).includes(0x80) };
    case 4:
      return { kind: 'puback', id: body.readUInt16BE(0) };
    case 3: {
      const qos = (first >> 1) & 3;
      const end = 2 + body.readUInt16BE(0);
      const topic = body.toString('utf8', 2, end);
      const id = qos > 0 ? body.readUInt16BE(end) : 0;
      return { kind: 'publish', topic, payload: body.subarray(end + (qos > 0 ? 2 : 0)), qos, id };
    }
    default:
      return { kind: 'other' };
  }
}

/** Bytes of the fixed header and of the whole packet; undefined while they are not there (§2.2.3). */
function sizeOf(bytes: Buffer): { head: number; whole: number } | undefined {
  let length = 0;
  for (let at = 1; at <= 4; at += 1) {
    const byte = bytes[at];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** (at - 1);
    if (byte < 0x80) return { head: at + 1, whole: at + 1 + length };
  }
  throw new Error('this is no MQTT');
}

function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = [first];
  let left = body.length;
  do {
    const low = left % 128;
    left = Math.floor(left / 128);
    head.push(left > 0 ? low | 0x80 : low);
  } while (left > 0);
  return Buffer.concat([Buffer.from(head), body]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([short(bytes.length), bytes]);
}

function short(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
