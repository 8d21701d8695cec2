import { AppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';
import type { Db, Queryable } from './db.ts';
import { makeSchema, ownTables } from './migrate.ts';

/** Rows fetched at once: one of `delta_states` may have 100 kB. */
const FETCH_ROWS = 100;
/** Size from which lines go out as one part, bytes. */
const PART_BYTES = 1024 * 1024;
const NAME = /^[a-z_]{1,60}$/;

/** What a dump holds beside its rows. */
export interface DumpedTables {
  /** the last migration of the database it came from */
  migration: number;
  tables: string[];
  /** last value of each that was used */
  sequences: Record<string, number>;
}

/**
 * Reads every table of ours as it was at one moment, and hands out its rows in parts: one JSON object a line, as PostgreSQL writes it.
 * The same for both databases, so what was dumped from one can be loaded into the other.
 */
export async function dumpTables(
  db: Db,
  onPart: (table: string, lines: string) => Promise<void>,
): Promise<DumpedTables> {
  const own = new Set(await ownTables());
  return db.tx(
    async (q) => {
      await q.query('set transaction isolation level repeatable read, read only');
      // Whoever takes the parts may be slow.
      await q.query('set local idle_in_transaction_session_timeout = 0');
      const { rows: there } = await q.query<{ name: string }>(
        `select tablename::text as name from pg_tables where schemaname = 'public' order by tablename`,
      );
      const tables = there.map(({ name }) => name).filter((name) => own.has(name) && name !== 'schema_migrations');
      for (const table of tables) await dumpTable(q, table, onPart);
      const { rows: sequences } = await q.query<{ name: string; last: number }>(
        `select sequencename::text as name, last_value as last from pg_sequences
          where schemaname = 'public' and last_value is not null`,
      );
      const { rows: versions } = await q.query<{ top: number }>(
        'select coalesce(max(number), 0) as top from schema_migrations',
      );
      return {
        migration: versions[0]?.top ?? 0,
        tables,
        sequences: Object.fromEntries(sequences.map(({ name, last }) => [name, last])),
      };
    },
    { unhurried: true },
  );
}

async function dumpTable(
  q: Queryable,
  table: string,
  onPart: (table: string, lines: string) => Promise<void>,
): Promise<void> {
  await q.query(`declare dumped no scroll cursor for select row_to_json(t)::text as line from public.${table} as t`);
  let lines: string[] = [];
  let size = 0;
  const flush = async () => {
    if (lines.length > 0) await onPart(table, `${lines.join('\n')}\n`);
    lines = [];
    size = 0;
  };
  for (;;) {
    const { rows } = await q.query<{ line: string }>(`fetch ${FETCH_ROWS} from dumped`);
    for (const { line } of rows) {
      lines.push(line);
      size += line.length;
    }
    if (size >= PART_BYTES) await flush();
    if (rows.length < FETCH_ROWS) break;
  }
  await flush();
  await q.query('close dumped');
}

/**
 * Makes the tables as they were at the dump's migration and fills them, inside of the caller's transaction; there must be none of ours.
 * The next start of the server brings them up to date. Throws `db.newer` for a dump of a later version, `db.broken` for one that does
 * not fit.
 */
export async function loadTables(
  q: Queryable,
  dump: DumpedTables,
  partsOf: (table: string) => AsyncIterable<string>,
): Promise<void> {
  await makeSchema(q, dump.migration);
  for (const table of await parentsFirst(q, dump.tables)) {
    for await (const lines of partsOf(table)) {
      const rows = `[${lines.trimEnd().replaceAll('\n', ',')}]`;
      await q.query(
        `insert into public.${table} overriding system value
         select * from json_populate_recordset(null::public.${table}, $1::text::json)`,
        [rows],
      );
    }
  }
  for (const [name, last] of Object.entries(dump.sequences)) {
    if (!NAME.test(name)) throw misfit(`sequence ${name}`);
    await q.query('select setval($1::text::regclass, $2::int8)', [`public.${name}`, last]);
  }
}

/** Tables in an order in which every row finds what it refers to. */
async function parentsFirst(q: Queryable, wanted: readonly string[]): Promise<string[]> {
  const { rows: there } = await q.query<{ name: string }>(
    `select tablename::text as name from pg_tables where schemaname = 'public'`,
  );
  const known = new Set(there.map(({ name }) => name));
  for (const table of wanted) if (!NAME.test(table) || !known.has(table)) throw misfit(`table ${table}`);
  const { rows: links } = await q.query<{ child: string; parent: string }>(
    `select child.relname::text as child, parent.relname::text as parent from pg_constraint as link
       join pg_class as child on child.oid = link.conrelid
       join pg_class as parent on parent.oid = link.confrelid
      where link.contype = 'f' and child.relnamespace = 'public'::regnamespace and child.oid <> parent.oid`,
  );
  const ordered = new Set<string>();
  const visit = (table: string) => {
    if (ordered.has(table)) return;
    for (const { child, parent } of links) if (child === table && wanted.includes(parent)) visit(parent);
    ordered.add(table);
  };
  for (const table of wanted) visit(table);
  return [...ordered];
}

/**
 * Puts dumped tables in place of those of a PostgreSQL database, all or nothing. What was there goes into a schema of its own, whose name
 * is the answer; tables of others are not touched. Throws `data_dir.locked` while another program of ours is connected.
 */
export async function replaceTables(
  db: Db,
  dump: DumpedTables,
  partsOf: (table: string) => AsyncIterable<string>,
  clock: Clock,
): Promise<{ setAside?: string }> {
  return db.tx(
    async (q) => {
      await refuseOthers(q);
      const setAside = await setTablesAside(q, clock);
      await loadTables(q, dump, partsOf);
      return { setAside };
    },
    { unhurried: true },
  );
}

async function refuseOthers(q: Queryable): Promise<void> {
  const { rows } = await q.query<{ n: number }>(
    `select count(distinct (client_addr, client_port))::int as n from pg_stat_activity
      where application_name = 'redeye' and datname = current_database() and pid <> pg_backend_pid()`,
  );
  if ((rows[0]?.n ?? 0) === 0) return;
  throw new AppError('data_dir.locked', 'a server is connected to this database: stop it first, on whatever machine');
}

async function setTablesAside(q: Queryable, clock: Clock): Promise<string | undefined> {
  const { rows } = await q.query<{ name: string }>(
    `select tablename::text as name from pg_tables where schemaname = 'public'`,
  );
  const own = new Set(await ownTables());
  const there = rows.map(({ name }) => name).filter((name) => own.has(name));
  if (there.length === 0) return undefined;
  const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  const schema = `redeye_replaced_${time}`.toLowerCase();
  await q.query(`create schema ${schema}`);
  for (const table of there) await q.query(`alter table public.${table} set schema ${schema}`);
  return schema;
}

function misfit(what: string): AppError {
  return new AppError('db.broken', `the backup holds the ${what}, which its own version does not have`);
}
