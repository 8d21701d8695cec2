import type { Socket } from 'node:net';
import type { Clock } from '../../../runtime/contracts/host.ts';
import {
  barePacket,
  connectPacket,
  KIND,
  messageOf,
  type Packet,
  PacketReader,
  pubackPacket,
  publishPacket,
  subscribePacket,
  type Will,
} from './packets.ts';

/** CONNACK's return codes (§3.2.2.3). */
const REFUSALS = ['', 'protocol', 'client id', 'server unavailable', 'user or password', 'not authorized'];
/** A filter that the broker refused has this in place of a QoS. */
export const REFUSED = 0x80;
const PORTS: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 };

export interface MqttOptions {
  client: string;
  user: string;
  password: string;
  keepaliveS: number;
  connectMs: number;
  will: Will;
  clock: Clock;
  /** the broker took us */
  onConnect: () => void;
  onMessage: (topic: string, payload: Buffer, retained: boolean) => void;
  /** Once, why it is over; also when it never stood. */
  onEnd: (reason: string) => void;
}

/** What of a connection to a broker is used, whoever makes it. */
export interface MqttConnection {
  /** Answers the QoS of each filter, or `REFUSED`. */
  subscribe(filters: readonly string[]): Promise<number[]>;
  /** Resolves when the broker has it (QoS 1), or when it is on its way (QoS 0). */
  publish(topic: string, payload: string, how: { qos: 0 | 1; retain: boolean }): Promise<void>;
  /** Ends it, after what was said before and with a goodbye; `now`: without either. */
  end(now?: boolean): void;
}

interface Waiting {
  resolve: (granted: number[]) => void;
  reject: (error: Error) => void;
}

/** Whether this file can speak to that address: TCP and TLS. */
export function isPlainMqtt(url: string): boolean {
  return URL.canParse(url) && Object.hasOwn(PORTS, new URL(url).protocol);
}

/**
 * One MQTT 3.1.1 connection over TCP or TLS, from its beginning to its end: what a device needs of a client, in a tenth of the memory of one that
 * can do all. QoS 0 and 1, a clean session, no repetition: who connects anew says anew what counts. A broker that is silent for one and a half
 * keepalives is gone.
 */
export function openMqtt(url: string, options: MqttOptions): MqttConnection {
  const connection = new TcpConnection(options);
  connection.open(new URL(url));
  return connection;
}

class TcpConnection implements MqttConnection {
  readonly #options: MqttOptions;
  readonly #reader = new PacketReader();
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | undefined;
  #cancel: () => void;
  #isOver = false;
  #isConnected = false;
  #lastId = 0;
  #heardAt = 0;
  #saidAt = 0;

  constructor(options: MqttOptions) {
    this.#options = options;
    const { clock, connectMs } = options;
    this.#cancel = clock.after(connectMs, () => this.#finish(`no connection within ${connectMs / 1000} s`));
  }

  open({ protocol, hostname, port }: URL): void {
    const { client, keepaliveS, password, user, will } = this.#options;
    const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (PORTS[protocol] ?? 0) };
    const socket = protocol === 'mqtts:' ? connectTls(to) : process.getBuiltinModule('node:net').connect(to);
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('error', (error) => this.#finish(wordsOf(error)));
    socket.on('close', () => this.#finish('closed by the broker'));
    socket.once(protocol === 'mqtts:' ? 'secureConnect' : 'connect', () =>
      socket.write(connectPacket({ client, user, password, keepaliveS, will })),
    );
  }

  subscribe(filters: readonly string[]): Promise<number[]> {
    return this.#ask((id) => subscribePacket(id, filters));
  }

  async publish(topic: string, payload: string, { qos, retain }: { qos: 0 | 1; retain: boolean }): Promise<void> {
    if (qos === 1) await this.#ask((id) => publishPacket(topic, payload, { qos, retain, id }));
    else if (!this.#say(publishPacket(topic, payload, { qos, retain, id: 0 }))) throw new Error('not connected');
  }

  end(now = false): void {
    if (!now && this.#isConnected) {
      this.#say(barePacket(KIND.disconnect));
      // `close` comes when all of it has left.
      this.#socket?.end();
    } else this.#finish('ended');
  }

  #read(bytes: Buffer): void {
    this.#heardAt = this.#options.clock.monotonicMs();
    try {
      for (const packet of this.#reader.read(bytes)) {
        if (this.#isOver) return;
        this.#hear(packet);
      }
    } catch (error) {
      this.#finish(`the broker sent ${wordsOf(error)}`);
    }
  }

  #hear(packet: Packet): void {
    const { first, body } = packet;
    const kind = first & 0xf0;
    if (!this.#isConnected) {
      if (kind !== KIND.connack || body.length !== 2) throw new Error('something else than an answer to our CONNECT');
      const code = body[1] ?? 0;
      if (code === 0) this.#connected();
      else this.#finish(`refused by the broker: ${REFUSALS[code] ?? `code ${code}`}`);
    } else if (kind === KIND.publish) {
      const { id, payload, qos, retain, topic } = messageOf(packet);
      this.#options.onMessage(topic, payload, retain);
      if (qos > 0) this.#say(pubackPacket(id));
    } else if (kind === KIND.puback || kind === KIND.suback) {
      if (body.length < 2) throw new Error('an acknowledgement of nothing');
      const id = body.readUInt16BE(0);
      this.#waiting.get(id)?.resolve([...body.subarray(2)]);
      this.#waiting.delete(id);
    } else if (kind !== KIND.pingresp) throw new Error(`a packet of kind 0x${first.toString(16)}`);
  }

  #connected(): void {
    this.#cancel();
    this.#isConnected = true;
    this.#keepAlive();
    this.#options.onConnect();
  }

  /** Looks twice a keepalive: something has to be said in each of them, and something heard in one and a half. */
  #keepAlive(): void {
    const { clock, keepaliveS } = this.#options;
    const halfMs = keepaliveS * 500;
    this.#cancel = clock.after(halfMs, () => {
      const now = clock.monotonicMs();
      if (now - this.#heardAt >= 3 * halfMs) {
        this.#finish('the broker is silent');
        return;
      }
      if (now - Math.min(this.#heardAt, this.#saidAt) >= halfMs) this.#say(barePacket(KIND.pingreq));
      this.#keepAlive();
    });
  }

  #ask(make: (id: number) => Buffer): Promise<number[]> {
    do this.#lastId = (this.#lastId % 0xffff) + 1;
    while (this.#waiting.has(this.#lastId));
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      if (this.#say(make(id))) return;
      this.#waiting.delete(id);
      reject(new Error('not connected'));
    });
  }

  #say(packet: Buffer): boolean {
    if (this.#isOver || !this.#isConnected || !this.#socket?.writable) return false;
    this.#saidAt = this.#options.clock.monotonicMs();
    this.#socket.write(packet);
    return true;
  }

  #finish(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancel();
    this.#socket?.destroy();
    const gone = new Error(`the connection is over: ${reason}`);
    for (const { reject } of this.#waiting.values()) reject(gone);
    this.#waiting.clear();
    this.#options.onEnd(reason);
  }
}

/** TLS costs 5 MB resident: only where it is asked for. An address that is a number has no name to ask for (RFC 6066 §3). */
function connectTls(to: { host: string; port: number }): Socket {
  const isNumber = process.getBuiltinModule('node:net').isIP(to.host) !== 0;
  return process.getBuiltinModule('node:tls').connect({ ...to, ...(!isNumber && { servername: to.host }) });
}

function wordsOf(error: unknown): string {
  // A host with several addresses fails with one error per address and an empty message.
  const { code, message } = error as NodeJS.ErrnoException;
  return message || code || 'no connection';
}
