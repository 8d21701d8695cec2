import type { AedesPublishPacket, AuthenticateError, Client, ConnectPacket, PublishPacket, Subscription } from 'aedes';
import type { Clock, Log } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type { DeviceStateMessage } from '../contracts/mqtt-messages.ts';
import { siteRoot } from '../contracts/topics.ts';
import { parseBody } from './bodies.ts';
import { GuardedStream } from './guarded-stream.ts';
import type { BrokerLimits } from './limits.ts';
import {
  isHomeAssistantStatus,
  mayReceive,
  maySubscribe,
  type Principal,
  type Publication,
  type PublicationKind,
  publicationOf,
} from './rights.ts';
import type { Session, Sessions } from './sessions.ts';
import { shown } from './shown.ts';

/** CONNACK return codes of MQTT 3.1.1 §3.2.2.3. */
const IDENTIFIER_REJECTED = 2;
const UNAVAILABLE = 3;
const BAD_CREDENTIAL = 4;
const NOT_AUTHORIZED = 5;
/** More takeovers than this in a minute look like one key in two devices. */
const SUSPICIOUS_TAKEOVERS = 5;
/** `online` or `offline`, or what else somebody has set there. */
const MAX_STATUS_BYTES = 64;

export interface GateOptions {
  site: string;
  authenticate: (username: string, password: Buffer) => Promise<Principal | undefined>;
  sessions: Sessions;
  limits: BrokerLimits;
  clock: Clock;
  log: Log;
  onPublication: (device: string, kind: PublicationKind, topic: string, body: unknown) => void;
  /** Home Assistant has started */
  onHomeAssistant: () => void;
}

/** Answers aedes' questions: who may connect, publish, subscribe, and receive. */
export class Gate {
  readonly #options: GateOptions;
  readonly #connects = new WeakMap<Client, ConnectPacket>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Keeps what a client asked for until its credential is looked at. */
  noteConnect(client: Client, packet: ConnectPacket): void {
    this.#connects.set(client, packet);
  }

  /** Runs before a session of the same client id is taken over, so that a stranger cannot throw anybody out. */
  authenticate(
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean | null) => void,
  ): void {
    const connect = this.#connects.get(client);
    this.#judge(connect, username, password).then(
      (who) => {
        this.#admit(client, who, connect?.clientId ?? '');
        done(null, true);
      },
      (error: unknown) => {
        const refusal =
          error instanceof Refusal ? error : new Refusal(UNAVAILABLE, 'credentials cannot be looked at now');
        if (refusal !== error) this.#options.log.error('MQTT credential could not be looked at', { error });
        this.#options.log.warn('MQTT connection refused', {
          client: shown(connect?.clientId),
          reason: refusal.message,
        });
        done(refusal, null);
      },
    );
  }

  async #judge(
    connect: ConnectPacket | undefined,
    username: string | undefined,
    password: Buffer | undefined,
  ): Promise<Principal> {
    if (!connect?.clientId) throw new Refusal(IDENTIFIER_REJECTED, 'no client id');
    if (!username || !password?.length) throw new Refusal(BAD_CREDENTIAL, 'no user name or no password');
    const who = await this.#options.authenticate(username, password);
    if (!who) throw new Refusal(BAD_CREDENTIAL, 'wrong user name or password');
    if (who.kind === 'device' && (connect.clientId !== who.id || username !== who.id))
      throw new Refusal(IDENTIFIER_REJECTED, "client id and user name must be the device's id");
    const trouble = this.#willTrouble(who, connect.will);
    if (trouble !== undefined) throw new Refusal(NOT_AUTHORIZED, trouble);
    return who;
  }

  #admit(client: Client, who: Principal, clientId: string): void {
    if (client.closed) return;
    // People's programs may call themselves what they like: their ids live apart from those of devices.
    if (who.kind === 'user') client.id = `user:${who.name}:${clientId}`;
    const address = client.conn instanceof GuardedStream ? client.conn.address : '';
    if (who.kind === 'device') this.#watchTakeover(who.id, address);
    this.#options.sessions.add({ client, who, address, cut: false });
  }

  #watchTakeover(device: string, address: string): void {
    const memory = this.#options.sessions.memory(device);
    if (memory.sessions.size === 0) return;
    const now = this.#options.clock.monotonicMs();
    memory.takeovers = [...memory.takeovers.filter((at) => now - at < 60_000), now];
    if (memory.takeovers.length > SUSPICIOUS_TAKEOVERS)
      this.#options.log.warn('connections take each other over: is one key used in two devices?', { device, address });
  }

  #willTrouble(who: Principal, will: ConnectPacket['will']): string | undefined {
    if (will === undefined || will === null) return undefined;
    if (isHomeAssistantStatus(who, will.topic) && will.payload.length <= MAX_STATUS_BYTES) return undefined;
    const publication = publicationOf(this.#options.site, who, will.topic);
    if (publication?.kind !== 'state') return 'a will is only allowed on the own state';
    try {
      parseBody('state', will.payload);
      return undefined;
    } catch (error) {
      return `the will is no state: ${messageOf(error)}`;
    }
  }

  /**
   * A topic that is not the client's own ends the connection, the only answer MQTT 3.1.1 has. A body that does not fit is
   * acknowledged and dropped instead: a refused message would come again with each reconnect.
   */
  authorizePublish(client: Client | null, packet: PublishPacket, done: (error?: Error | null) => void): void {
    try {
      this.#receive(client, packet);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    done(null);
  }

  #receive(client: Client | null, packet: PublishPacket): void {
    const session = client ? this.#options.sessions.of(client) : undefined;
    if (!client || !session) throw new Error('unknown client');
    // Only the will is published for a client that is closed already.
    const isWill = client.closed;
    if (session.cut && !isWill) throw new Error('the connection is being cut');
    if (isHomeAssistantStatus(session.who, packet.topic)) {
      if (packet.payload.length > MAX_STATUS_BYTES) this.#sink(packet);
      else if (packet.payload.toString() === 'online') this.#options.onHomeAssistant();
      return;
    }
    const publication = publicationOf(this.#options.site, session.who, packet.topic);
    if (!publication || (packet.retain && !publication.mayRetain)) {
      const fields = { client: shown(client.id), topic: shown(packet.topic), retain: packet.retain };
      this.#options.log.warn('MQTT message refused: not a topic of this client', fields);
      throw new Error('not allowed to publish this');
    }
    const { device, kind } = publication;
    const body = this.#bodyOf(publication, packet);
    if (body === undefined) return;
    if (kind === 'state' && !this.#noteState(device, body as DeviceStateMessage, isWill))
      throw new Error('a newer session has spoken');
    // What people set at a device it hears itself; the server's own cameras have nobody else to hear it.
    if (session.who.kind === 'device' || device === SERVER_DEVICE)
      this.#options.onPublication(device, kind, packet.topic, body);
  }

  /** The parsed body; undefined for one that was dropped. */
  #bodyOf(publication: Publication, packet: PublishPacket): unknown {
    try {
      if (packet.payload.length > publication.maxBytes) throw new Error(`body over ${publication.maxBytes} bytes`);
      const body = parseBody(publication.kind, packet.payload);
      if (packet.retain) this.#noteRetained(publication, packet.topic);
      return body;
    } catch (error) {
      const fields = { device: publication.device, topic: shown(packet.topic), reason: messageOf(error) };
      this.#options.log.warn('MQTT message dropped: its body does not fit', fields);
      this.#sink(packet);
      return undefined;
    }
  }

  /** False for the will of a connection that a newer one has replaced. */
  #noteState(device: string, { state, session }: DeviceStateMessage, isWill: boolean): boolean {
    const memory = this.#options.sessions.memory(device);
    if (isWill && memory.lastState !== undefined && session < memory.lastState.session) return false;
    memory.lastState = { state, session };
    return true;
  }

  #noteRetained(publication: Publication, topic: string): void {
    const { retained } = this.#options.sessions.memory(publication.device);
    if (!retained.has(topic) && retained.size >= this.#options.limits.retainedTopicsPerDevice)
      throw new Error('too many retained topics');
    retained.add(topic);
  }

  /** Sends the packet where nobody may listen. */
  #sink(packet: PublishPacket): void {
    packet.topic = `${siteRoot(this.#options.site)}/dropped`;
    packet.payload = Buffer.alloc(0);
    packet.retain = false;
  }

  authorizeSubscribe(
    client: Client,
    subscription: Subscription,
    done: (error: Error | null, subscription?: Subscription | null) => void,
  ): void {
    const session = this.#options.sessions.of(client);
    const allowed = session && !session.cut && maySubscribe(this.#options.site, session.who, subscription.topic);
    if (!allowed) {
      const fields = { client: shown(client.id), filter: shown(subscription.topic) };
      this.#options.log.warn('MQTT subscription refused', fields);
    }
    // Without an error and without a subscription, aedes answers 128 for this filter.
    done(null, allowed ? subscription : null);
  }

  authorizeForward(client: Client, packet: AedesPublishPacket): AedesPublishPacket | null {
    const session: Session | undefined = this.#options.sessions.of(client);
    if (!session || session.cut) return null;
    return mayReceive(this.#options.site, session.who, packet.topic) ? packet : null;
  }
}

/** Why a client is not let in, with the code that CONNACK has for it. */
class Refusal extends Error {
  readonly returnCode: number;

  constructor(returnCode: number, message: string) {
    super(message);
    this.returnCode = returnCode;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
