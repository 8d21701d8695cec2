import pg from 'pg';
import { AppError } from '../contracts/errors.ts';
import type { Clock, Log } from '../contracts/host.ts';
import { Backoff } from '../lib/backoff.ts';
import type { Db, Queryable, QueryOptions, Result, TxOptions } from './db.ts';
import { InsideTransaction } from './inside-transaction.ts';
import { isLostConnection, mapped } from './postgres-errors.ts';
import { PostgresListener } from './postgres-listener.ts';
import { types } from './postgres-types.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** A server that vanished without a word cannot end its statement: the client gives up a little later. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
/** The longest that a timer can wait. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;
const IDLE_IN_TRANSACTION_MS = 60_000;

export interface PostgresOptions {
  url: string;
  log: Log;
  clock: Clock;
  /** how long the start waits for a server that is not there yet, ms; 0: one try */
  patienceMs?: number;
  /** connections at most */
  connections?: number;
}

/**
 * Opens a pool on a PostgreSQL server. It waits `patienceMs` for one that is still starting; throws `db.unavailable` after that,
 * and PostgreSQL's own error for a wrong password or database. A connection lost later is `db.unavailable` for the statement that
 * ran, and the next one connects again. No statement runs longer than 30 s.
 */
export async function openPostgres(options: PostgresOptions): Promise<Db> {
  const { url, log, clock, patienceMs = 0 } = options;
  const config: pg.PoolConfig = {
    connectionString: url,
    application_name: 'redeye',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types,
  };
  const pool = new pg.Pool({ ...config, max: options.connections ?? 10, idleTimeoutMillis: 30_000 });
  pool.on('error', (error) => log.warn('an idle database connection was lost', { error }));
  const db = new PostgresDb(pool, new PostgresListener({ config, log, clock }));
  try {
    await firstAnswer(db, { log, clock, patienceMs });
    await warnOfWeakSettings(db, log);
  } catch (error) {
    await db.close();
    throw error;
  }
  return db;
}

async function firstAnswer(db: Db, options: { log: Log; clock: Clock; patienceMs: number }): Promise<void> {
  const { log, clock, patienceMs } = options;
  const end = clock.monotonicMs() + patienceMs;
  const backoff = new Backoff({ firstMs: 250, maxMs: 4_000 });
  for (;;) {
    try {
      await db.query('select 1');
      return;
    } catch (error) {
      const waitMs = backoff.next();
      const mayReturn = error instanceof AppError && error.code === 'db.unavailable';
      if (!mayReturn || clock.monotonicMs() + waitMs > end) throw error;
      log.warn('the database is not there yet, trying again', { error, waitMs });
      await clock.sleep(waitMs);
    }
  }
}

/** What is acknowledged must survive a power cut: three server settings can silently break that. */
async function warnOfWeakSettings(db: Db, log: Log): Promise<void> {
  const { rows } = await db.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings
     where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'server_version')`,
  );
  const settings = Object.fromEntries(rows.map((row) => [row.name, row.setting]));
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit']) {
    if (settings[name] !== 'off') continue;
    log.warn(`PostgreSQL runs with ${name} = off: a power cut may lose or damage what was acknowledged`, {
      setting: name,
    });
  }
  log.info('PostgreSQL is connected', { version: settings['server_version'] });
}

class PostgresDb implements Db {
  readonly kind = 'postgres';
  readonly #pool: pg.Pool;
  readonly #listener: PostgresListener;
  readonly #inside = new InsideTransaction();
  #closed: Promise<void> | undefined;

  constructor(pool: pg.Pool, listener: PostgresListener) {
    this.#pool = pool;
    this.#listener = listener;
  }

  async query<Row extends object>(
    text: string,
    params?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Result<Row>> {
    this.#inside.refuse();
    return await this.#withClient((client) => ask<Row>(client, text, params, options));
  }

  async tx<T>(work: (q: Queryable) => Promise<T>, { unhurried = false }: TxOptions = {}): Promise<T> {
    this.#inside.refuse();
    return await this.#withClient(async (client) => {
      await client.query('begin');
      if (unhurried) await client.query('set local statement_timeout = 0');
      let open = true;
      const q: Queryable = {
        query: async <Row extends object>(text: string, params?: readonly unknown[], options?: QueryOptions) => {
          if (!open) throw new AppError('internal.error', 'the transaction was asked after its end');
          return await ask<Row>(client, text, params, options, unhurried ? NO_TIMEOUT_MS : undefined);
        },
      };
      try {
        const answer = await this.#inside.run(() => work(q));
        open = false;
        const { command } = await client.query('commit');
        // PostgreSQL answers a COMMIT after a failed statement by rolling back, without an error.
        if (command === 'ROLLBACK') throw aborted();
        return answer;
      } catch (error) {
        open = false;
        if (!isLostConnection(error)) await client.query('rollback');
        throw error;
      }
    });
  }

  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>> {
    return this.#listener.listen(channel, onNotify);
  }

  close(): Promise<void> {
    this.#closed ??= Promise.all([this.#listener.close(), this.#pool.end()]).then(() => {});
    return this.#closed;
  }

  async #withClient<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw mapped(error);
    }
    let broken = false;
    // Without a listener a connection that dies between two statements of a transaction would end the process.
    const onError = () => {
      broken = true;
    };
    client.on('error', onError);
    try {
      return await work(client);
    } catch (error) {
      broken ||= isLostConnection(error);
      throw mapped(error);
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }
}

async function ask<Row extends object>(
  client: pg.PoolClient,
  text: string,
  params?: readonly unknown[],
  options?: QueryOptions,
  answerTimeoutMs?: number,
): Promise<Result<Row>> {
  // `query_timeout` of a single query is there in the driver, and missing in its types.
  const query: pg.QueryConfig & { query_timeout?: number } = { text };
  if (params) query.values = [...params];
  if (options?.prepared !== undefined) query.name = options.prepared;
  if (answerTimeoutMs !== undefined) query.query_timeout = answerTimeoutMs;
  const answer: pg.QueryResult | pg.QueryResult[] = await client.query(query);
  const last = Array.isArray(answer) ? answer.at(-1) : answer;
  return { rows: (last?.rows ?? []) as Row[], rowCount: last?.rowCount ?? 0 };
}

function aborted(): Error {
  const message = 'a statement of the transaction had failed, so nothing of it was written';
  return Object.assign(new Error(message), { code: '25P02' });
}
