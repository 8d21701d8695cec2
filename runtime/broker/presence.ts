import type { DeviceStateMessage } from '../contracts/mqtt-messages.ts';

type State = Pick<DeviceStateMessage, 'state' | 'session'>;

interface Entry extends State {
  /** the server counts it as connected */
  present: boolean;
  /** heard of since this server last connected to the broker */
  confirmed: boolean;
  /** given up for its silence: what the broker retains of it is no news */
  silent: boolean;
  /** monotonic ms of its last word */
  heardAt: number;
}

/** `came`: it is to be told what it has to know. `late`: the word of an earlier connection, or an old one kept by the broker. */
export type News = 'came' | 'gone' | 'same' | 'late';

/**
 * Who is there, from the devices' own `state` topics: a foreign broker tells nobody of connections. A will is the sign of a lost one; a
 * device that a broker forgot to bury, as one does that was killed itself, is given up after a silence.
 */
export class Presence {
  readonly #entries = new Map<string, Entry>();

  /** What a device's `state` says; `retained`: the broker had kept it. */
  hearState(device: string, { state, session }: State, retained: boolean, nowMs: number): News {
    const entry = this.#entries.get(device);
    if (state === 'offline') {
      if (entry && session < entry.session) return 'late';
      this.#entries.set(device, { state, session, present: false, confirmed: false, silent: false, heardAt: nowMs });
      return entry?.present ? 'gone' : 'same';
    }
    if (retained && entry?.silent && entry.session === session) return 'late';
    const came = !entry?.confirmed || entry.session !== session;
    this.#entries.set(device, { state, session, present: true, confirmed: true, silent: false, heardAt: nowMs });
    return came ? 'came' : 'same';
  }

  /** Another live word of a device. Undefined when its state is not known. */
  hearLife(device: string, nowMs: number): (State & { news: 'came' | 'same' }) | undefined {
    const entry = this.#entries.get(device);
    if (!entry) return undefined;
    const { state, session, confirmed } = entry;
    // A heartbeat may overtake a farewell, never the other way round: it is sent at QoS 0.
    if (state === 'offline') return { state, session, news: 'same' };
    Object.assign(entry, { present: true, confirmed: true, silent: false, heardAt: nowMs });
    return { state, session, news: confirmed ? 'same' : 'came' };
  }

  /** Devices that have said nothing for so long; they are counted as gone from now on. */
  giveUpSilent(silentMs: number, nowMs: number): { device: string; session: number }[] {
    const found = [...this.#entries].filter(([, entry]) => entry.present && nowMs - entry.heardAt > silentMs);
    return found.map(([device, entry]) => {
      Object.assign(entry, { present: false, confirmed: false, silent: true });
      return { device, session: entry.session };
    });
  }

  /** The connection to the broker is lost: nobody is reached, and who is there is learned anew. */
  lose(): void {
    for (const entry of this.#entries.values()) entry.confirmed = false;
  }

  /** Counts as gone who was not heard of since; answers them. */
  giveUpUnconfirmed(): string[] {
    const found = [...this.#entries].filter(([, entry]) => entry.present && !entry.confirmed);
    return found.map(([device, entry]) => {
      entry.present = false;
      return device;
    });
  }

  /** Counts one as gone, whatever it says; true when it was there. It is back with its next word. */
  shutOut(device: string): boolean {
    const entry = this.#entries.get(device);
    const was = entry?.present === true;
    if (entry) Object.assign(entry, { present: false, confirmed: false });
    return was;
  }

  /** Whether the device was heard of since the connection stands, and has not left. */
  has(device: string): boolean {
    const entry = this.#entries.get(device);
    return entry?.present === true && entry.confirmed;
  }

  count(): number {
    return [...this.#entries.values()].filter(({ present, confirmed }) => present && confirmed).length;
  }
}
