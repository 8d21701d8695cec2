/** Rows of a query and how many it touched. Both databases answer the same types: bigint → number, timestamptz → Date, bytea → Buffer. */
export interface Result<Row> {
  rows: Row[];
  rowCount: number;
}

export interface QueryOptions {
  /**
   * Name of a statement that PostgreSQL parses and plans once per connection; one name for one text. For the busiest statements only:
   * a large one costs more to plan than to run.
   */
  prepared?: string;
}

/**
 * A connection or a transaction: whatever can be asked. Parameters are $1, $2 …; JSON goes in as text, cast by `$n::text::jsonb`.
 * A text without parameters may hold several statements: the answer is the last one's.
 */
export interface Queryable {
  query<Row extends object = Record<string, unknown>>(
    text: string,
    params?: readonly unknown[],
    options?: QueryOptions,
  ): Promise<Result<Row>>;
}

export interface TxOptions {
  /** no time limit on its statements: for migrations, which may rewrite a large table */
  unhurried?: boolean;
}

/**
 * The product's database, PostgreSQL or the embedded PGlite, with the same SQL. Errors keep PostgreSQL's `code` (23505 …);
 * a lost connection is `db.unavailable`.
 */
export interface Db extends Queryable {
  readonly kind: 'postgres' | 'pglite';
  /**
   * Runs the work in one transaction; a throw rolls back and is thrown on. Inside it only `q` may be asked: the database itself
   * throws there, since the embedded one has a single connection and would wait for itself.
   */
  tx<T>(work: (q: Queryable) => Promise<T>, options?: TxOptions): Promise<T>;
  /** Calls back at each NOTIFY on the channel, also after a lost connection came back (then once, with an empty payload). */
  listen(channel: string, onNotify: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
