import { statfs } from 'node:fs/promises';
import type { Results as Answer } from '@electric-sql/pglite';
import { AppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Db, Queryable, Result } from './db.ts';
import { InsideTransaction } from './inside-transaction.ts';
import { PgliteInstance } from './pglite-instance.ts';

/** After it died, the pauses between tries to open the database again, ms: a try that fails costs 60 MB of memory. */
const REOPEN_PAUSE_MS = 10_000;
const LONGEST_REOPEN_PAUSE_MS = 300_000;
/** So many failures in a row, and only a new process helps: nine tries take 20 minutes and 0.5 GB. */
const MOST_TRIES = 9;
/** With less room on the disk it would only die again, bytes. */
const REOPEN_FREE_BYTES = 48 * 1024 * 1024;

/** The embedded database, with what only it can do. */
export interface EmbeddedDb extends Db {
  readonly kind: 'pglite';
  /** The whole database as one tar file, without compression; statements wait meanwhile (0.2 s for 40 MB). */
  dump(): Promise<Blob>;
  /** Runs a statement that may not stand in a transaction, such as VACUUM, with nothing else beside it. */
  upkeep(text: string): Promise<void>;
}

export interface PgliteOptions {
  /** where it keeps its files; none: in memory */
  folder?: string;
  log: Log;
  /** what `dump` gave: a new database begins as this one */
  from?: Blob;
  reopenPauseMs?: number;
}

/**
 * Opens the embedded database; a folder that is empty or missing becomes a new one (5–8 s, against 0.4 s to open one that is
 * there). It never calls fsync: what was committed survives the end of the process, but not a power cut. One connection: statements
 * wait for a running transaction. It has no statement timeout, and a long statement holds up the whole process. When it dies (a
 * full disk), statements throw `db.unavailable`, and it is opened again. Throws `db.broken` with PostgreSQL's last words.
 */
export async function openPglite(options: PgliteOptions): Promise<EmbeddedDb> {
  return new PgliteDb(await openInstance(options), options);
}

async function openInstance({ folder, from }: Pick<PgliteOptions, 'folder' | 'from'>): Promise<PgliteInstance> {
  const instance = new PgliteInstance({ folder, from });
  try {
    await instance.waitReady;
    return instance;
  } catch (cause) {
    const words = instance.words
      .map((line) => line.replace(/^.*\[\d+\] /, ''))
      .filter((line) => /^[A-Z]+: /.test(line));
    const said = words.slice(-2).join(', ') || (cause instanceof Error ? cause.message : String(cause));
    throw new AppError('db.broken', `the embedded database does not open: ${said}`, { folder }, { cause });
  }
}

interface Listener {
  channel: string;
  onNotify: (payload: string) => void;
}

class PgliteDb implements EmbeddedDb {
  readonly kind = 'pglite';
  readonly #options: PgliteOptions;
  readonly #inside = new InsideTransaction();
  readonly #listeners = new Set<Listener>();
  #instance: PgliteInstance;
  #reopening: Promise<PgliteInstance> | undefined;
  #reopenAfter = 0;
  #failures = 0;
  readonly #pauses: Backoff;
  #closed: Promise<void> | undefined;

  constructor(instance: PgliteInstance, options: PgliteOptions) {
    this.#options = options;
    this.#pauses = new Backoff({ firstMs: options.reopenPauseMs ?? REOPEN_PAUSE_MS, maxMs: LONGEST_REOPEN_PAUSE_MS });
    this.#instance = this.#use(instance);
  }

  async query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Result<Row>> {
    return await this.#with((instance) => ask<Row>(instance, text, params));
  }

  async tx<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    return await this.#with((instance) =>
      instance.transaction(async (transaction) => {
        let open = true;
        const q: Queryable = {
          query: async <Row extends object>(text: string, params?: readonly unknown[]) => {
            if (!open) throw new AppError('internal.error', 'the transaction was asked after its end');
            return await ask<Row>(transaction, text, params);
          },
        };
        try {
          return await this.#inside.run(() => work(q));
        } finally {
          open = false;
        }
      }),
    );
  }

  async listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    const listener: Listener = { channel, onNotify };
    this.#listeners.add(listener);
    try {
      await this.#with((instance) => instance.exec(`listen ${quoted(channel)}`));
    } catch (error) {
      this.#listeners.delete(listener);
      throw error;
    }
    return async () => {
      this.#listeners.delete(listener);
      if (this.#closed || [...this.#listeners].some((other) => other.channel === channel)) return;
      await this.#with((instance) => instance.exec(`unlisten ${quoted(channel)}`));
    };
  }

  async dump(): Promise<Blob> {
    // Inside the lock of transactions, so that no half transaction swells the file.
    return await this.#with((instance) => instance._runExclusiveTransaction(() => instance.dumpDataDir('none')));
  }

  async upkeep(text: string): Promise<void> {
    await this.#with((instance) => instance.exec(text));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#reopening?.catch(() => undefined);
    // A dead one has nothing left to write, and asking it anything throws.
    if (!this.#instance.dead) await this.#instance.close();
  }

  async #with<T>(work: (instance: PgliteInstance) => Promise<T>): Promise<T> {
    this.#inside.refuse();
    if (this.#closed) throw new AppError('db.unavailable', 'the database is closed');
    const instance = await this.#living();
    try {
      return await work(instance);
    } catch (error) {
      // Another statement may have killed it while this one waited.
      throw instance.dead && !(error instanceof AppError) ? this.#lost(instance.dead) : error;
    }
  }

  async #living(): Promise<PgliteInstance> {
    const instance = this.#instance;
    if (!instance.dead) return instance;
    // Whoever comes first opens it again, the others wait for that.
    this.#reopening ??= this.#reopen(instance.dead).finally(() => {
      this.#reopening = undefined;
    });
    return await this.#reopening;
  }

  async #reopen(dead: Error): Promise<PgliteInstance> {
    const { log, folder } = this.#options;
    if (folder === undefined || this.#failures >= MOST_TRIES) throw this.#lost(dead);
    if (performance.now() < this.#reopenAfter) throw this.#lost(dead);
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < REOPEN_FREE_BYTES) throw this.#lost(dead);
    this.#reopenAfter = performance.now() + this.#pauses.next();
    log.error('the embedded database stopped, it is opened again', { error: dead });
    try {
      const instance = await openInstance({ folder });
      for (const { channel } of this.#listeners) await instance.exec(`listen ${quoted(channel)}`);
      this.#use(instance);
    } catch (error) {
      this.#failures += 1;
      const restart = this.#failures >= MOST_TRIES;
      log.error(`the embedded database does not open again${restart ? ': restart the server' : ''}`, { error });
      throw this.#lost(dead);
    }
    this.#pauses.reset();
    this.#failures = 0;
    log.warn('the embedded database runs again');
    // What was notified meanwhile is gone: everyone looks for themselves.
    for (const listener of [...this.#listeners]) this.#tell(listener, '');
    return this.#instance;
  }

  #use(instance: PgliteInstance): PgliteInstance {
    this.#instance = instance;
    instance.onNotification((channel, payload) => {
      for (const listener of [...this.#listeners]) if (listener.channel === channel) this.#tell(listener, payload);
    });
    return instance;
  }

  #tell({ channel, onNotify }: Listener, payload: string): void {
    try {
      onNotify(payload);
    } catch (error) {
      this.#options.log.error('a listener of the database threw', { channel, error });
    }
  }

  #lost(cause: Error): AppError {
    return new AppError('db.unavailable', cause.message, { retryAfterS: 10 }, { cause });
  }
}

async function ask<Row extends object>(
  target: Pick<PgliteInstance, 'query' | 'exec'>,
  text: string,
  params?: readonly unknown[],
): Promise<Result<Row>> {
  const answer: Answer | undefined = params ? await target.query(text, [...params]) : (await target.exec(text)).at(-1);
  return { rows: (answer?.rows ?? []) as Row[], rowCount: answer?.rowCount ?? 0 };
}

function quoted(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`;
}
