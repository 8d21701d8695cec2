import { once } from 'node:events';
import { connect as connectSocket, type Socket } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { type Broker, type BrokerOptions, createBroker } from '../../../runtime/broker/broker.ts';
import type { BrokerHandlers } from '../../../runtime/broker/inbox.ts';
import type { Principal } from '../../../runtime/broker/rights.ts';
import type { Log } from '../../../runtime/contracts/host.ts';
import { systemClock } from '../../../runtime/lib/clock.ts';

/** What the handlers were told, in order, as `[what, device, body]`. */
export type Told = [keyof BrokerHandlers, string, unknown?];

/** A broker on a free port with the devices `pi-1` and `pi-2`, whose keys are `key-1` and `key-2`, and its clients. */
export class BrokerBench {
  readonly told: Told[] = [];
  readonly warnings: string[] = [];
  /** who may come in; tests change it */
  readonly credentials = new Map<string, { password: string; who: Principal }>();
  broker: Broker;
  readonly #clients: MqttClient[] = [];
  readonly #sockets: Socket[] = [];
  readonly #options: Partial<BrokerOptions>;

  constructor(options: Partial<BrokerOptions> = {}) {
    this.#options = options;
    for (const n of [1, 2]) this.allow(`pi-${n}`, `key-${n}`, { kind: 'device', id: `pi-${n}` });
    this.broker = this.#create(options);
  }

  allow(username: string, password: string, who: Principal): void {
    this.credentials.set(username, { password, who });
  }

  async start(): Promise<this> {
    await this.broker.start();
    return this;
  }

  /** The same again on the same port, as after a restart of the process. */
  async restart(): Promise<void> {
    const port = Number(new URL(this.broker.url()).port);
    await this.broker.stop();
    this.broker = this.#create({ ...this.#options, port });
    await this.broker.start();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.end(true);
    for (const socket of this.#sockets) socket.destroy();
    await this.broker.stop();
  }

  /** A device's client, connected; reconnects only when asked to. */
  async device(id: string, options: IClientOptions = {}): Promise<MqttClient> {
    return this.connect({ clientId: id, username: id, password: id.replace('pi', 'key'), ...options });
  }

  /** Connects with exactly these options; rejects with what the broker answered. */
  connect(options: IClientOptions, url = this.broker.url()): Promise<MqttClient> {
    const client = mqtt.connect(url, { protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 5000, ...options });
    this.#clients.push(client);
    return new Promise((resolve, reject) => {
      client.once('connect', () => resolve(client));
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed')));
    });
  }

  /** A bare connection, to send what no client would. */
  async socket(): Promise<Socket> {
    const { hostname, port } = new URL(this.broker.url());
    const socket = connectSocket(Number(port), hostname);
    this.#sockets.push(socket);
    socket.on('error', () => socket.destroy());
    await once(socket, 'connect');
    return socket;
  }

  toldOf(what: Told[0], device: string): Told[] {
    return this.told.filter((entry) => entry[0] === what && entry[1] === device);
  }

  #create(options: Partial<BrokerOptions>): Broker {
    const note =
      (what: Told[0]) =>
      (device: string, body?: unknown): void => {
        this.told.push([what, device, body]);
      };
    return createBroker({
      site: 'home',
      host: '127.0.0.1',
      port: 'any',
      clock: systemClock,
      log: this.#log(),
      authenticate: async (username, password) => {
        const known = this.credentials.get(username);
        return known?.password === password.toString() ? known.who : undefined;
      },
      handlers: {
        onConnected: note('onConnected'),
        onDisconnected: note('onDisconnected'),
        onConfigWanted: note('onConfigWanted'),
        onState: note('onState'),
        onInfo: note('onInfo'),
        onHeartbeat: note('onHeartbeat'),
        onMessage: note('onMessage'),
      },
      ...options,
    });
  }

  #log(): Log {
    const log: Log = {
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => this.warnings.push(message),
      error: (message) => this.warnings.push(message),
      child: () => log,
    };
    return log;
  }
}

/** The messages that a client gets, parsed. */
export function inboxOf(client: MqttClient): { topic: string; body: Record<string, unknown>; retain: boolean }[] {
  const messages: { topic: string; body: Record<string, unknown>; retain: boolean }[] = [];
  client.on('message', (topic, payload, packet) => {
    messages.push({ topic, body: JSON.parse(payload.toString()), retain: packet.retain });
  });
  return messages;
}

export const at = 1_795_000_000_000;

/** A `state` body. */
export function stateBody(state: string, session = 1): string {
  return JSON.stringify({ v: 1, ts: at, state, session });
}
