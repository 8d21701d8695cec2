import { readFileSync } from 'node:fs';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { Aedes, type Client, type ConnectPacket, type PublishPacket } from 'aedes';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log, Release } from '../contracts/host.ts';
import { deviceTopics, serverStateTopic } from '../contracts/topics.ts';
import { Departures } from './departures.ts';
import { Gate } from './gate.ts';
import { GuardedStream } from './guarded-stream.ts';
import { type BrokerHandlers, Inbox } from './inbox.ts';
import { type BrokerLimits, DEFAULT_LIMITS, MAX_TOPIC_LEVELS } from './limits.ts';
import type { MessageBroker, PublishOptions, WebSocketOptions } from './message-broker.ts';
import { type Kept, retainedMemory } from './retained.ts';
import type { Principal, PublicationKind } from './rights.ts';
import { Door, type Session, Sessions } from './sessions.ts';
import { shown } from './shown.ts';
import { openWebSocketDoor } from './websocket.ts';

export interface BrokerOptions {
  site: string;
  host: string;
  /** 0: no port of its own, WebSocket only; 'any': whatever is free (tests) */
  port: number | 'any';
  /** a port over TLS (1.2 or newer) as well */
  tls?: { host: string; port: number | 'any'; certFile: string; keyFile: string } | undefined;
  /** Who shows this user name and password; undefined for nobody. A throw is answered as "server unavailable". */
  authenticate: (username: string, password: Buffer) => Promise<Principal | undefined>;
  handlers: BrokerHandlers;
  /** Home Assistant has said that it started */
  onHomeAssistant?: () => void;
  clock: Clock;
  log: Log;
  limits?: Partial<BrokerLimits>;
}

const STOP_MS = 2000;
/** Somebody who opens a connection and says nothing holds no place for longer. */
const HANDSHAKE_MS = 10_000;

interface Listening {
  setting: 'MQTT_PORT' | 'MQTTS_PORT';
  host: string;
  port: number | 'any';
  certFile?: string;
  keyFile?: string;
}

/** Builds the MQTT broker. Nothing in it outlives the process: what devices must know is sent again when they come back. */
export function createBroker(options: BrokerOptions): Broker {
  return new Broker(options);
}

/** aedes with limits in front of it, rights around it, and the state of the server and its devices kept on its topics. */
export class Broker implements MessageBroker {
  readonly #options: BrokerOptions;
  readonly #limits: BrokerLimits;
  readonly #log: Log;
  readonly #door: Door;
  readonly #departures = new Departures();
  #aedes: Aedes | undefined;
  #server: Server | undefined;
  #tlsServer: Server | undefined;
  #sessions = new Sessions();
  #inbox: Inbox;
  #stopping = false;
  #cancelLook: (() => void) | undefined;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#door = new Door(this.#limits);
    this.#inbox = new Inbox(this.#log);
  }

  async start(): Promise<void> {
    if (this.#aedes) return;
    this.#stopping = false;
    this.#sessions = new Sessions();
    const aedes = await this.#createAedes();
    this.#aedes = aedes;
    await this.publish(serverStateTopic(this.#options.site), this.#serverState('online'), { retain: true });
    const { host, port, tls } = this.#options;
    if (port !== 0) this.#server = await this.#listen({ setting: 'MQTT_PORT', host, port });
    if (tls) this.#tlsServer = await this.#listen({ ...tls, setting: 'MQTTS_PORT' });
    this.#lookAgainLater();
  }

  async stop(): Promise<void> {
    const aedes = this.#aedes;
    if (!aedes) return;
    this.#cancelLook?.();
    const said = new Promise<void>((resolve) => {
      const farewell = packetOf(serverStateTopic(this.#options.site), this.#serverState('offline'), true, 1);
      aedes.publish(farewell, () => resolve());
    });
    const cancel = new AbortController();
    // A client that takes nothing must not hold up the stop.
    const waited = this.#options.clock.sleep(STOP_MS, cancel.signal).catch(() => undefined);
    await Promise.race([said, waited]);
    cancel.abort();
    this.#stopping = true;
    this.#aedes = undefined;
    const listening = [this.#server, this.#tlsServer].filter((server) => server !== undefined);
    const closed = Promise.all(
      listening.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
    this.#server = undefined;
    this.#tlsServer = undefined;
    await new Promise<void>((resolve) => aedes.close(resolve));
    await closed;
    await this.#inbox.drained();
  }

  async publish(topic: string, body: object, options: PublishOptions = {}): Promise<void> {
    return this.publishBytes(topic, Buffer.from(JSON.stringify(body)), options);
  }

  /** The same with bytes as they are; an empty retained message takes the one before it back. */
  async publishBytes(topic: string, payload: Buffer, { retain = false, qos = 1 }: PublishOptions = {}): Promise<void> {
    const aedes = this.#aedes;
    if (!aedes) throw new AppError('broker.unavailable', 'The MQTT broker does not run.');
    aedes.publish({ cmd: 'publish', topic, payload, retain, qos, dup: false }, (error) => {
      if (error) this.#log.warn('message not delivered', { topic, error });
    });
  }

  /** Takes MQTT over WebSocket at a path of the HTTP server, until released. Other upgrades are not touched. */
  attachWebSocket(server: HttpServer, path = '/mqtt', options: WebSocketOptions = {}): Release {
    return openWebSocketDoor(server, {
      ...options,
      path,
      maxPacketBytes: this.#limits.maxPacketBytes,
      open: () => this.#aedes !== undefined,
      onConnection: (stream, request, address) => this.#accept(stream, address, request),
    });
  }

  /** Cuts all connections of a device: its key was revoked, or it was disabled. */
  disconnect(device: string): void {
    for (const session of this.#sessions.memory(device).sessions) cut(session);
  }

  /** Cuts all connections of a person's programs: an app password was revoked, or what they may do changed. Those still good come back. */
  disconnectUser(name: string): void {
    for (const session of this.#sessions.open())
      if (session.who.kind === 'user' && session.who.name === name) cut(session);
  }

  /** `mqtt://host:port` as seen from this machine; `none` without a port. */
  url(): string {
    return urlOf('mqtt', this.#server);
  }

  /** `mqtts://host:port` likewise. */
  tlsUrl(): string {
    return urlOf('mqtts', this.#tlsServer);
  }

  trouble(): string | undefined {
    return this.#aedes ? undefined : 'the MQTT broker does not run';
  }

  /** How many connections have shown a credential and are open. */
  connections(): number {
    return this.#sessions.open().length;
  }

  /** Ids of the devices that are connected. */
  connectedDevices(): string[] {
    return this.#sessions.devices();
  }

  /** Whether the device has a connection that is open. */
  isConnected(device: string): boolean {
    return this.#sessions.has(device);
  }

  async #createAedes(): Promise<Aedes> {
    const gate = new Gate({
      site: this.#options.site,
      authenticate: this.#options.authenticate,
      sessions: this.#sessions,
      limits: this.#limits,
      clock: this.#options.clock,
      log: this.#log,
      onHomeAssistant: () => this.#options.onHomeAssistant?.(),
      onPublication: (device, kind, topic, body) => this.#take(device, kind, topic, body),
    });
    const aedes = await Aedes.createBroker({
      connectTimeout: this.#limits.connectTimeoutMs,
      keepaliveLimit: this.#limits.keepaliveLimitS,
      drainTimeout: this.#limits.drainTimeoutMs,
      maxTopicLevels: MAX_TOPIC_LEVELS,
      maxInflightInbound: 20,
      preConnect: (client, packet, done) => {
        gate.noteConnect(client, packet as ConnectPacket);
        // No session outlives its connection: nothing piles up here for a device that is away.
        packet.clean = true;
        done(null, true);
      },
      authenticate: (client, username, password, done) => gate.authenticate(client, username, password, done),
      authorizePublish: (client, packet, done) => gate.authorizePublish(client, packet, done),
      authorizeSubscribe: (client, subscription, done) => gate.authorizeSubscribe(client, subscription, done),
      authorizeForward: (client, packet) => gate.authorizeForward(client, packet),
    });
    // Not in its types: where it keeps what outlives a packet.
    Object.assign((aedes as unknown as { persistence: object }).persistence, retainedMemory<Kept>());
    aedes.on('clientReady', (client) => this.#ready(client));
    aedes.on('subscribe', (subscriptions, client) => {
      const session = this.#sessions.of(client);
      if (session?.who.kind !== 'device') return;
      const { id } = session.who;
      const topics = deviceTopics(this.#options.site, id);
      const wants = (wanted: string) => subscriptions.some(({ topic, qos }) => topic === wanted && Number(qos) !== 128);
      if (wants(topics.configDesired)) this.#tell(id, 'config', (handlers) => handlers.onConfigWanted(id));
      if (wants(topics.flowDesired)) this.#tell(id, 'flow', (handlers) => handlers.onFlowWanted?.(id));
      if (wants(topics.commands)) this.#tell(id, 'commands', (handlers) => handlers.onCommandsWanted?.(id));
    });
    const lost = (client: Client, error: Error) => {
      this.#log.debug('MQTT connection lost', { client: shown(client.id), reason: error.message });
    };
    aedes.on('clientError', lost);
    aedes.on('connectionError', lost);
    // Its own type of `on` does not name this event, which without a listener would end the process.
    (aedes as NodeJS.EventEmitter).on('error', (error: Error) => this.#log.error('the MQTT broker failed', { error }));
    return aedes;
  }

  #listen({ setting, host, port, certFile, keyFile }: Listening): Promise<Server> {
    return new Promise((resolve, reject) => {
      const onConnection = (socket: Socket) => {
        socket.on('error', (error) => this.#log.debug('MQTT socket failed', { error }));
        this.#accept(socket, socket.remoteAddress ?? '');
      };
      const common = { noDelay: true, keepAlive: true };
      const server =
        certFile === undefined || keyFile === undefined
          ? createServer(common, onConnection)
          : createTlsServer(
              {
                ...common,
                cert: readFileSync(certFile),
                key: readFileSync(keyFile),
                minVersion: 'TLSv1.2',
                handshakeTimeout: HANDSHAKE_MS,
              },
              onConnection,
            );
      server.on('tlsClientError', (error: Error) => this.#log.debug('MQTT over TLS failed', { reason: error.message }));
      server.once('error', (cause: NodeJS.ErrnoException) => {
        const why = cause.code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${cause.code})`;
        const message = `${setting}: ${host}:${port} ${why}; choose another one, or 0 for none`;
        reject(new AppError('setting.invalid', message, { field: setting }, { cause }));
      });
      server.listen(port === 'any' ? 0 : port, host, () => resolve(server));
    });
  }

  #accept(source: Duplex, address: string, request?: IncomingMessage): void {
    const entry = this.#aedes && this.#door.enter(address);
    if (!this.#aedes || !entry) {
      this.#log.debug('MQTT connection refused: too many', { address });
      source.on('error', () => source.destroy());
      source.destroy();
      return;
    }
    const { clock } = this.#options;
    const stream = new GuardedStream(source, { address, limits: this.#limits, clock, departures: this.#departures });
    const client = this.#aedes.handle(stream, request);
    stream.once('close', () => {
      entry.gone();
      // The client's will goes out first, in the same turn or the next ones.
      setImmediate(() => this.#gone(client));
    });
    client.on('connected', () => entry.known());
  }

  #ready(client: Client): void {
    const session = this.#sessions.of(client);
    if (session?.who.kind !== 'device') return;
    const { id } = session.who;
    for (const other of this.#sessions.memory(id).sessions) if (other !== session) cut(other);
    this.#log.info('device connected', { device: id, address: session.address });
    this.#tell(id, 'connected', (handlers) => handlers.onConnected(id));
  }

  #gone(client: Client): void {
    const session = this.#sessions.of(client);
    if (!session || !this.#sessions.remove(session) || session.who.kind !== 'device' || this.#stopping) return;
    const { id } = session.who;
    this.#log.info('device disconnected', { device: id });
    this.#sayOffline(id);
    this.#tell(id, 'disconnected', (handlers) => handlers.onDisconnected(id));
  }

  /** A device that left without a will or a word must not look online. */
  #sayOffline(device: string): void {
    const { lastState } = this.#sessions.memory(device);
    if (lastState === undefined || lastState.state === 'offline' || !this.#aedes) return;
    lastState.state = 'offline';
    const body = { v: 1, ts: this.#options.clock.now(), state: 'offline', session: lastState.session };
    this.#aedes.publish(packetOf(deviceTopics(this.#options.site, device).state, body, true, 1), () => undefined);
  }

  #take(device: string, kind: PublicationKind, topic: string, body: unknown): void {
    this.#tell(device, kind, (handlers) => {
      if (kind === 'state') return handlers.onState(device, body as Parameters<BrokerHandlers['onState']>[1]);
      if (kind === 'info') return handlers.onInfo(device, body as Parameters<BrokerHandlers['onInfo']>[1]);
      if (kind === 'heartbeat')
        return handlers.onHeartbeat(device, body as Parameters<BrokerHandlers['onHeartbeat']>[1]);
      return handlers.onMessage?.(device, { kind, topic, body });
    });
  }

  #tell(device: string, what: string, call: (handlers: BrokerHandlers) => void | Promise<void>): void {
    if (!this.#stopping) this.#inbox.add(device, what, () => call(this.#options.handlers));
  }

  #lookAgainLater(): void {
    this.#cancelLook = this.#options.clock.after(this.#limits.revalidateMs, () => {
      this.#revalidate()
        .catch((error) => this.#log.warn('credentials of open connections could not be looked at', { error }))
        .then(() => {
          if (!this.#stopping && this.#aedes) this.#lookAgainLater();
        });
    });
  }

  /** Cuts who came with a credential that has ended since, as an old key does after a rotation. */
  async #revalidate(): Promise<void> {
    for (const session of this.#sessions.open()) {
      if ((await session.who.stillValid?.()) === false) cut(session);
    }
  }

  #serverState(state: 'online' | 'offline'): object {
    return { v: 1, ts: this.#options.clock.now(), state };
  }
}

function urlOf(scheme: string, server: Server | undefined): string {
  const address = server?.address();
  if (typeof address !== 'object' || address === null) return 'none';
  const host = ['0.0.0.0', '::'].includes(address.address) ? '127.0.0.1' : address.address;
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

function cut(session: Session): void {
  session.cut = true;
  session.client.close();
}

function packetOf(topic: string, body: object, retain: boolean, qos: 0 | 1): PublishPacket {
  return { cmd: 'publish', topic, payload: Buffer.from(JSON.stringify(body)), retain, qos, dup: false };
}
