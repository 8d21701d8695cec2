import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A message as a device published it. */
export interface Seen {
  /** epoch ms */
  at: number;
  topic: string;
  payload: Buffer;
  /** bytes of the whole packet: header, topic, packet id and payload */
  bytes: number;
}

const PUBLISH = 3;

/** The way between devices and the broker, as plain TCP, which reads along what devices publish (MQTT 3.1.1 §2.2, §3.3). */
export class MqttTap {
  readonly seen: Seen[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(host: string, port: number) {
    this.#server = createServer((near) => {
      const far = connect(port, host);
      let rest: Buffer = Buffer.alloc(0);
      near.on('data', (bytes) => {
        rest = this.#read(Buffer.concat([rest, bytes]));
      });
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  /** Listens on the same port under another address of the loopback. */
  static async start(at: { host: string; near: string; port: number }): Promise<MqttTap> {
    const tap = new MqttTap(at.host, at.port);
    await once(tap.#server.listen(at.port, at.near), 'listening');
    return tap;
  }

  /** What was published on topics that end so. */
  of(end: string): Seen[] {
    return this.seen.filter(({ topic }) => topic.endsWith(end));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server.close(), 'close');
  }

  /** Takes whole packets off the front; answers what is left. */
  #read(bytes: Buffer): Buffer {
    let left = bytes;
    for (;;) {
      const head = headOf(left);
      if (!head || left.length < head.size) return left;
      if (left.readUInt8(0) >> 4 === PUBLISH) this.#note(left.subarray(0, head.size), head.from);
      left = left.subarray(head.size);
    }
  }

  #note(packet: Buffer, from: number): void {
    const qos = (packet.readUInt8(0) >> 1) & 3;
    const end = from + 2 + packet.readUInt16BE(from);
    const topic = packet.toString('utf8', from + 2, end);
    const payload = Buffer.from(packet.subarray(qos > 0 ? end + 2 : end));
    this.seen.push({ at: Date.now(), topic, payload, bytes: packet.length });
  }
}

/** Where the variable header begins and how long the packet is; undefined while that is not there yet. */
function headOf(bytes: Buffer): { from: number; size: number } | undefined {
  let length = 0;
  for (let at = 1; at < Math.min(bytes.length, 5); at += 1) {
    const byte = bytes.readUInt8(at);
    length += (byte & 0x7f) << (7 * (at - 1));
    if (byte < 0x80) return { from: at + 1, size: at + 1 + length };
  }
  return undefined;
}
