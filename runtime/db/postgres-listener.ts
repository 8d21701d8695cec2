import pg from 'pg';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { Backoff } from '../lib/backoff.ts';
import { mapped } from './postgres-errors.ts';

/** How often a silent connection is asked whether it is still there, ms: TCP alone would need many minutes to notice. */
const PROBE_MS = 20_000;
const PROBE_TIMEOUT_MS = 5_000;

type OnNotify = (payload: string) => void;

/**
 * One connection of its own for LISTEN, opened by the first listener. When it is lost it comes back by itself, and every listener
 * is called once with an empty payload, since what was notified meanwhile is gone.
 */
export class PostgresListener {
  readonly #options: { config: pg.ClientConfig; log: Log; clock: Clock };
  readonly #listeners = new Map<string, Set<OnNotify>>();
  readonly #backoff = new Backoff({ firstMs: 200, maxMs: 10_000 });
  #client: Promise<pg.Client> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(options: { config: pg.ClientConfig; log: Log; clock: Clock }) {
    this.#options = options;
  }

  /** Resolves once PostgreSQL delivers the channel; throws `db.unavailable` when it is not there. The answer ends it. */
  async listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>> {
    if (this.#closed) throw new AppError('db.unavailable', 'the database is closed');
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners);
    // A function of its own: the same callback may listen twice.
    const own: OnNotify = (payload) => onNotify(payload);
    listeners.add(own);
    const end = async () => {
      if (!listeners.delete(own) || listeners.size > 0 || this.#closed) return;
      this.#listeners.delete(channel);
      await this.#tell(`unlisten ${pg.escapeIdentifier(channel)}`);
    };
    try {
      // A new connection listens to all channels that are known; on one that is there this is a repetition without effect.
      const client = await this.#connected();
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      listeners.delete(own);
      if (listeners.size === 0) this.#listeners.delete(channel);
      throw mapped(error);
    }
    return end;
  }

  /** Ends the connection and every listener. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#listeners.clear();
    this.#cancelTimer?.();
    const client = await this.#client?.catch(() => undefined);
    await client?.end();
  }

  #connected(): Promise<pg.Client> {
    this.#client ??= this.#connect().catch((error) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client(this.#options.config);
    let gone = false;
    client.on('error', (error) => {
      if (gone) return;
      gone = true;
      this.#lost(error);
    });
    client.on('end', () => client.emit('error', new Error('Connection terminated')));
    client.on('notification', ({ channel, payload }) => this.#deliver(channel, payload ?? ''));
    try {
      await client.connect();
      for (const channel of this.#listeners.keys()) await client.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      gone = true;
      drop(client);
      throw error;
    }
    this.#backoff.reset();
    this.#later(PROBE_MS, () => this.#probe(client));
    return client;
  }

  #lost(error: Error): void {
    this.#client = undefined;
    if (this.#closed) return;
    this.#options.log.warn('the connection for notifications was lost', { error });
    this.#comeBack();
  }

  #comeBack(): void {
    this.#later(this.#backoff.next(), async () => {
      if (this.#listeners.size === 0) return;
      try {
        await this.#connected();
      } catch (error) {
        this.#options.log.debug('still no connection for notifications', { error });
        if (!this.#closed) this.#comeBack();
        return;
      }
      this.#options.log.info('the connection for notifications is back');
      for (const channel of [...this.#listeners.keys()]) this.#deliver(channel, '');
    });
  }

  async #probe(client: pg.Client): Promise<void> {
    try {
      await client.query({ text: 'select 1', query_timeout: PROBE_TIMEOUT_MS } as pg.QueryConfig);
      this.#later(PROBE_MS, () => this.#probe(client));
    } catch (error) {
      client.emit('error', error);
      drop(client);
    }
  }

  /** At most one timer runs: either the next probe or the next try to come back. */
  #later(ms: number, run: () => void): void {
    this.#cancelTimer?.();
    if (!this.#closed) this.#cancelTimer = this.#options.clock.after(ms, run);
  }

  #deliver(channel: string, payload: string): void {
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) {
      try {
        listener(payload);
      } catch (error) {
        this.#options.log.error('a listener of the database threw', { channel, error });
      }
    }
  }

  async #tell(text: string): Promise<void> {
    try {
      await (await this.#client)?.query(text);
    } catch (error) {
      // The connection is gone, and with it what it listened to.
      this.#options.log.debug('could not be told to the database', { text, error });
    }
  }
}

/** Cuts a connection that may not answer any more: `end` alone would wait for it. */
function drop(client: pg.Client): void {
  const { stream } = client as unknown as { stream?: { destroy(): void } };
  stream?.destroy();
}
