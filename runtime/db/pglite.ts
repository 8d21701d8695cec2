import { type Results as Answer, PGlite, type PGliteOptions } from '@electric-sql/pglite';
import { AppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import type { Db, Queryable, Result } from './db.ts';
import { InsideTransaction } from './inside-transaction.ts';

const BYTEA = 17;
const INT8 = 20;

/** The types as PostgreSQL's driver gives them; arrays of these follow. */
const parsers: NonNullable<PGliteOptions['parsers']> = {
  [INT8]: Number,
  [BYTEA]: (text: string) => Buffer.from(text.slice(2), 'hex'),
};

/** The embedded database, with what only it can do. */
export interface EmbeddedDb extends Db {
  readonly kind: 'pglite';
  /** The whole database as one tar file, gzipped or not; statements wait meanwhile. */
  dump(compression: 'gzip' | 'none'): Promise<Blob>;
  /** Rises with each statement that may have written. */
  readonly writes: number;
}

export interface PgliteOptions {
  /** where it keeps its files; none: in memory */
  folder?: string;
  log: Log;
  /** what `dump` gave: a new database begins as this one */
  from?: Blob;
}

/**
 * Opens the embedded database; a folder that is empty or missing becomes a new one (5–8 s, against 0.3 s to open one that is
 * there). It never calls fsync: what was committed survives the end of the process, but not a power cut. One connection: statements
 * wait for a running transaction. It has no statement timeout, and a long statement holds up the whole process.
 */
export async function openPglite(options: PgliteOptions): Promise<EmbeddedDb> {
  const instance = new PGlite({
    ...(options.folder === undefined ? {} : { dataDir: options.folder }),
    ...(options.from ? { loadDataDir: options.from } : {}),
    parsers,
  });
  await instance.waitReady;
  return new PgliteDb(instance, options.log);
}

class PgliteDb implements EmbeddedDb {
  readonly kind = 'pglite';
  readonly #instance: PGlite;
  readonly #log: Log;
  readonly #inside = new InsideTransaction();
  #writes = 0;
  #closed: Promise<void> | undefined;

  constructor(instance: PGlite, log: Log) {
    this.#instance = instance;
    this.#log = log;
  }

  get writes(): number {
    return this.#writes;
  }

  async query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Result<Row>> {
    this.#inside.refuse();
    return await this.#guarded(() => this.#ask<Row>(this.#instance, text, params));
  }

  async tx<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    this.#inside.refuse();
    return await this.#guarded(() =>
      this.#instance.transaction(async (transaction) => {
        let open = true;
        const q: Queryable = {
          query: async <Row extends object>(text: string, params?: readonly unknown[]) => {
            if (!open) throw new AppError('internal.error', 'the transaction was asked after its end');
            return await this.#ask<Row>(transaction, text, params);
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
    this.#inside.refuse();
    const name = `"${channel.replaceAll('"', '""')}"`;
    const end = await this.#guarded(() =>
      this.#instance.listen(name, (payload) => {
        try {
          onNotify(payload);
        } catch (error) {
          this.#log.error('a listener of the database threw', { channel, error });
        }
      }),
    );
    let ended = false;
    return async () => {
      if (ended || this.#closed) return;
      ended = true;
      await end();
    };
  }

  async dump(compression: 'gzip' | 'none'): Promise<Blob> {
    this.#inside.refuse();
    return await this.#guarded(() => this.#instance.dumpDataDir(compression));
  }

  close(): Promise<void> {
    this.#closed ??= this.#instance.close();
    return this.#closed;
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new AppError('db.unavailable', 'the database is closed');
    return await work();
  }

  async #ask<Row extends object>(
    target: Pick<PGlite, 'query' | 'exec'>,
    text: string,
    params?: readonly unknown[],
  ): Promise<Result<Row>> {
    const answer: Answer | undefined = params
      ? await target.query(text, [...params])
      : (await target.exec(text)).at(-1);
    if (!answer) return { rows: [], rowCount: 0 };
    const { command, rows } = answer;
    if (command !== 'SELECT' && command !== 'SHOW') this.#writes += 1;
    return { rows: rows as Row[], rowCount: answer.rowCount ?? (rows.length || (answer.affectedRows ?? 0)) };
  }
}
