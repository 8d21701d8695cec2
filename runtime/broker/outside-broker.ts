import type { Server as HttpServer } from 'node:http';
import { SERVER_REQUESTER } from '../contracts/commands.ts';
import { HOME_ASSISTANT_STATUS } from '../contracts/home-assistant.ts';
import type { Clock, Log, Release } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type { DeviceInfoMessage, DeviceStateMessage, HeartbeatMessage } from '../contracts/mqtt-messages.ts';
import { deviceTopics, parseDeviceTopic, serverStateTopic, siteRoot } from '../contracts/topics.ts';
import type { OutsideAddress } from '../lib/outside-address.ts';
import { parseBody } from './bodies.ts';
import { type BrokerHandlers, Inbox } from './inbox.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { MessageBroker, PublishOptions, WebSocketOptions } from './message-broker.ts';
import { Admissions } from './outside-admissions.ts';
import { OutsideLink } from './outside-link.ts';
import { Presence } from './presence.ts';
import { Remembered } from './remembered.ts';
import { type Publication, publicationOf } from './rights.ts';
import { shown } from './shown.ts';
import { openWebSocketDoor } from './websocket.ts';

export interface OutsideTimes {
  /** a device that said nothing for so long is gone: three heartbeats, and some */
  silentMs: number;
  /** so long a lost connection to the broker is no loss of the devices behind it */
  graceMs: number;
  /** a broker that takes what may not be published says nothing (MQTT 3.1.1): without its own word for so long the server knows */
  echoMs: number;
  retry: { firstMs: number; maxMs: number };
}

const TIMES: OutsideTimes = {
  silentMs: 100_000,
  graceMs: 10_000,
  echoMs: 5000,
  retry: { firstMs: 1000, maxMs: 30_000 },
};
/** What is retained is asked for again at most so often. */
const ASK_AGAIN_MS = 10_000;
/** Whoever set it at a device said it to the device; the server hears what is for its own cameras. */
const ANY_OPERATOR = { kind: 'user', name: '', cameras: null, mayControl: true } as const;

export interface OutsideBrokerOptions {
  site: string;
  address: OutsideAddress;
  clientId: string;
  handlers: BrokerHandlers;
  /** Whether a device is registered and not shut out. The broker outside has looked at its password, and knows nothing of that. */
  isAdmitted: (device: string) => Promise<boolean>;
  onHomeAssistant?: () => void;
  clock: Clock;
  log: Log;
  times?: Partial<OutsideTimes>;
}

/**
 * The server's side of a broker that stands elsewhere, behind the same face as the one it has in itself. Who may connect, publish and
 * subscribe is decided there; here only topics that a device may have count, and bodies that fit. While the broker is away the server
 * goes on, and what is retained is said again when it is back.
 */
export class OutsideBroker implements MessageBroker {
  readonly #options: OutsideBrokerOptions;
  readonly #times: OutsideTimes;
  readonly #link: OutsideLink;
  readonly #inbox: Inbox;
  readonly #admissions: Admissions;
  readonly #presence = new Presence();
  readonly #remembered = new Remembered();
  #running = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  #isMute = false;
  #cancels: { grace?: () => void; look?: () => void; echo?: () => void } = {};

  constructor(options: OutsideBrokerOptions) {
    const { address, clientId, clock, isAdmitted, log, site } = options;
    this.#options = options;
    this.#times = { ...TIMES, ...options.times };
    this.#inbox = new Inbox(log);
    this.#admissions = new Admissions({ isAdmitted, clock, log });
    this.#link = new OutsideLink({
      address,
      clientId,
      farewell: { topic: serverStateTopic(site), body: () => this.#serverState('offline') },
      filters: filtersOf(site),
      onUp: () => this.#up(),
      onDown: () => this.#down(),
      onMessage: (...message) => this.#hear(...message),
      clock,
      log,
      retry: this.#times.retry,
    });
  }

  /** Begins to connect; does not wait for it. */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#link.start();
    this.#lookForSilentLater();
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    for (const cancel of Object.values(this.#cancels)) cancel();
    await this.#link.stop();
    await this.#inbox.drained();
  }

  async publish(topic: string, body: object, options: PublishOptions = {}): Promise<void> {
    return this.publishBytes(topic, Buffer.from(JSON.stringify(body)), options);
  }

  async publishBytes(topic: string, payload: Buffer, { retain = false, qos = 1 }: PublishOptions = {}): Promise<void> {
    if (retain) this.#remembered.keep(topic, payload);
    await this.#link.publish(topic, payload, { retain, qos });
    if (retain) this.#remembered.said(topic, payload);
  }

  /** There is no MQTT at this server's own HTTP port: whoever asks is told so at once. */
  attachWebSocket(server: HttpServer, path = '/mqtt', options: WebSocketOptions = {}): Release {
    return openWebSocketDoor(server, {
      ...options,
      path,
      maxPacketBytes: DEFAULT_LIMITS.maxPacketBytes,
      open: () => false,
      onConnection: (stream) => void stream.destroy(),
    });
  }

  /** A session at the broker cannot be ended from here: what the device says counts no longer, and it is told nothing. */
  disconnect(device: string): void {
    this.#admissions.forget(device);
    this.#inbox.add(device, 'shut out', async () => {
      if ((await this.#admissions.of(device)) || !this.#presence.shutOut(device)) return;
      this.#options.log.warn('a device was shut out: take its user out of the outside broker too', { device });
      this.#tell(device, 'disconnected', (handlers) => handlers.onDisconnected(device));
    });
  }

  /** People's programs have users of the outside broker's own. */
  disconnectUser(): void {}

  connections(): number {
    return this.#link.isUp ? this.#presence.count() : 0;
  }

  isConnected(device: string): boolean {
    return this.#link.isUp && this.#presence.has(device);
  }

  trouble(): string | undefined {
    if (!this.#running) return 'the link to the MQTT broker does not run';
    return this.#link.trouble ?? (this.#isMute ? this.#mute() : undefined);
  }

  async #up(): Promise<void> {
    this.#cancels.grace?.();
    const { clock, site, log } = this.#options;
    this.#isMute = false;
    this.#cancels.echo?.();
    this.#cancels.echo = clock.after(this.#times.echoMs, () => {
      this.#isMute = true;
      log.error(this.#mute());
    });
    await this.publish(serverStateTopic(site), this.#serverState('online'), { retain: true });
    for (const [topic, payload] of this.#remembered.all()) {
      if (topic === serverStateTopic(site)) continue;
      this.publishBytes(topic, payload, { retain: true }).catch((error) =>
        log.debug('not said again: the connection is lost', { topic, error }),
      );
    }
  }

  #down(): void {
    this.#presence.lose();
    this.#cancels.echo?.();
    this.#cancels.grace?.();
    this.#cancels.grace = this.#options.clock.after(this.#times.graceMs, () => {
      for (const device of this.#presence.giveUpUnconfirmed())
        this.#tell(device, 'disconnected', (handlers) => handlers.onDisconnected(device));
    });
  }

  #hear(topic: string, payload: Buffer, retained: boolean): void {
    if (!this.#running) return;
    const { log, onHomeAssistant, site } = this.#options;
    if (topic === serverStateTopic(site)) {
      if (!retained) this.#heardItself();
      return;
    }
    if (topic === HOME_ASSISTANT_STATUS) {
      if (payload.toString() === 'online') onHomeAssistant?.();
      return;
    }
    const device = parseDeviceTopic(site, topic)?.device ?? '';
    const who = device === SERVER_DEVICE ? ANY_OPERATOR : ({ kind: 'device', id: device } as const);
    const publication = publicationOf(site, who, topic);
    // An empty message takes a retained one back; of what is no state, an old one says nothing.
    if (!publication || payload.length === 0) return;
    if (retained && !publication.mayRetain) return;
    try {
      if (payload.length > publication.maxBytes) throw new Error(`body over ${publication.maxBytes} bytes`);
      const body = parseBody(publication.kind, payload);
      this.#inbox.add(device, publication.kind, () => this.#take(publication, topic, body, retained));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn('MQTT message dropped: its body does not fit', { device: shown(device), topic: shown(topic), reason });
    }
  }

  #heardItself(): void {
    this.#cancels.echo?.();
    this.#isMute = false;
  }

  async #take({ device, kind }: Publication, topic: string, body: unknown, retained: boolean): Promise<void> {
    if (device !== SERVER_DEVICE) {
      if (!(await this.#admissions.of(device))) return;
      if (kind === 'state') return this.#takeState(device, body as DeviceStateMessage, retained);
      if (!retained) this.#takeLife(device);
    }
    this.#tell(device, kind, (handlers) => {
      if (kind === 'info') return handlers.onInfo(device, body as DeviceInfoMessage);
      if (kind === 'heartbeat') return handlers.onHeartbeat(device, body as HeartbeatMessage);
      return handlers.onMessage?.(device, { kind, topic, body });
    });
  }

  #takeState(device: string, message: DeviceStateMessage, retained: boolean): void {
    const news = this.#presence.hearState(device, message, retained, this.#options.clock.monotonicMs());
    if (news === 'late') return;
    this.#tell(device, 'state', (handlers) => handlers.onState(device, message));
    if (news === 'came') this.#greet(device);
    if (news !== 'gone') return;
    this.#options.log.info('device disconnected', { device });
    this.#tell(device, 'disconnected', (handlers) => handlers.onDisconnected(device));
  }

  /** A device that was given up, or whose state was not heard yet, speaks. */
  #takeLife(device: string): void {
    const { clock, log, site } = this.#options;
    const now = clock.monotonicMs();
    const known = this.#presence.hearLife(device, now);
    if (known?.news === 'came') {
      const { state, session } = known;
      this.#tell(device, 'state', (handlers) => handlers.onState(device, { v: 1, ts: clock.now(), state, session }));
      this.#greet(device);
    }
    if (known || now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    this.#link
      .askAgain(deviceTopics(site, '+').state)
      .catch((error) => log.debug('states were not asked for again', { error }));
  }

  /** It listens: it subscribes before it says that it is there. */
  #greet(device: string): void {
    this.#options.log.info('device connected', { device });
    this.#tell(device, 'connected', (handlers) => handlers.onConnected(device));
    this.#tell(device, 'config', (handlers) => handlers.onConfigWanted(device));
    this.#tell(device, 'flow', (handlers) => handlers.onFlowWanted?.(device));
    this.#tell(device, 'commands', (handlers) => handlers.onCommandsWanted?.(device));
  }

  #tell(device: string, what: string, call: (handlers: BrokerHandlers) => void | Promise<void>): void {
    if (this.#running) this.#inbox.add(device, what, () => call(this.#options.handlers));
  }

  #lookForSilentLater(): void {
    const { clock, log, site } = this.#options;
    const { silentMs } = this.#times;
    this.#cancels.look = clock.after(silentMs / 10, () => {
      // Without the broker nobody is heard: that silence is not theirs.
      const silent = this.#link.isUp ? this.#presence.giveUpSilent(silentMs, clock.monotonicMs()) : [];
      for (const { device, session } of silent) {
        log.info('device disconnected: it was silent', { device });
        this.#tell(device, 'disconnected', (handlers) => handlers.onDisconnected(device));
        // Others should not take it for one that is there; if it is, it hears this and says so.
        const body = { v: 1, ts: clock.now(), state: 'offline', session } satisfies DeviceStateMessage;
        this.#link
          .publish(deviceTopics(site, device).state, Buffer.from(JSON.stringify(body)), { retain: true, qos: 1 })
          .catch((error) => log.debug('a silent device was not said to be gone', { device, error }));
      }
      this.#lookForSilentLater();
    });
  }

  #mute(): string {
    const { address, site } = this.#options;
    return `MQTT_URL: ${address.url} does not hand out what this server publishes: its user there must read and write ${siteRoot(site)}/#`;
  }

  #serverState(state: 'online' | 'offline'): object {
    return { v: 1, ts: this.#options.clock.now(), state };
  }
}

/** What the server does something with. The rest of the contract's ← rows is for others, and its own words would come back with them. */
function filtersOf(site: string): string[] {
  const any = deviceTopics(site, '+');
  return [
    any.state,
    any.info,
    any.heartbeat,
    any.response(SERVER_REQUESTER),
    any.flowReported,
    deviceTopics(site, SERVER_DEVICE).cameraControls,
    HOME_ASSISTANT_STATUS,
    // Its own: what does not come back is not handed out to anybody.
    serverStateTopic(site),
  ];
}
