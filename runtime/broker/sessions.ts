import type { Client } from 'aedes';
import type { DeviceStateMessage } from '../contracts/mqtt-messages.ts';
import type { Principal } from './rights.ts';

/** One connection that has shown its credential. */
export interface Session {
  client: Client;
  who: Principal;
  address: string;
  /** set when it is being cut: nothing goes out or comes in any longer but its will */
  cut: boolean;
}

/** What the broker remembers of a device beyond its connections. */
export interface DeviceMemory {
  /** its open connections: one, and for a moment two while the newer takes over */
  sessions: Set<Session>;
  lastState: Pick<DeviceStateMessage, 'state' | 'session'> | undefined;
  retained: Set<string>;
  /** monotonic ms of the latest takeovers */
  takeovers: number[];
}

/** The connections that are open, by client and by device. */
export class Sessions {
  readonly #byClient = new WeakMap<Client, Session>();
  readonly #open = new Set<Session>();
  readonly #devices = new Map<string, DeviceMemory>();

  /** The session of a connection; undefined before it has shown a credential. */
  of(client: Client): Session | undefined {
    return this.#byClient.get(client);
  }

  add(session: Session): void {
    this.#byClient.set(session.client, session);
    this.#open.add(session);
    if (session.who.kind === 'device') this.memory(session.who.id).sessions.add(session);
  }

  /** Answers whether it was the device's last one. */
  remove(session: Session): boolean {
    this.#open.delete(session);
    if (session.who.kind !== 'device') return false;
    const { sessions } = this.memory(session.who.id);
    return sessions.delete(session) && sessions.size === 0;
  }

  memory(device: string): DeviceMemory {
    const known = this.#devices.get(device);
    if (known) return known;
    const fresh: DeviceMemory = { sessions: new Set(), lastState: undefined, retained: new Set(), takeovers: [] };
    this.#devices.set(device, fresh);
    return fresh;
  }

  /** Whether the device has an open connection. */
  has(device: string): boolean {
    return (this.#devices.get(device)?.sessions.size ?? 0) > 0;
  }

  /** Every open session. */
  open(): Session[] {
    return [...this.#open];
  }

  /** Ids of the devices that are connected. */
  devices(): string[] {
    return [...this.#devices].filter(([, memory]) => memory.sessions.size > 0).map(([device]) => device);
  }
}

/** Counts connections that have not shown a credential, per address, and all that are open. */
export class Door {
  readonly #limits: { waitingPerAddress: number; connections: number };
  readonly #waiting = new Map<string, number>();
  #open = 0;

  constructor(limits: { waitingPerAddress: number; connections: number }) {
    this.#limits = limits;
  }

  /** Lets a connection in; undefined when there are too many. `known` and `gone` are to be called once each, `known` at most. */
  enter(address: string): { known(): void; gone(): void } | undefined {
    const waiting = this.#waiting.get(address) ?? 0;
    if (waiting >= this.#limits.waitingPerAddress || this.#open >= this.#limits.connections) return undefined;
    this.#waiting.set(address, waiting + 1);
    this.#open += 1;
    let waits = true;
    const known = () => {
      if (!waits) return;
      waits = false;
      const left = (this.#waiting.get(address) ?? 1) - 1;
      if (left > 0) this.#waiting.set(address, left);
      else this.#waiting.delete(address);
    };
    return {
      known,
      gone: () => {
        known();
        this.#open -= 1;
      },
    };
  }
}
