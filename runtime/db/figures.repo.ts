import type { Clock } from '../contracts/host.ts';
import type { DatabaseFigures } from '../contracts/metrics.ts';
import type { Db } from './db.ts';

/** Counting reads every row: so many are counted, more are estimated from the statistics of the last ANALYZE. */
const MOST_COUNTED = 100_000;
/** Several pages ask; nobody needs it fresher. */
const FRESH_MS = 10_000;

/** The tables that people ask for, and the column that says when something was last written there. */
const WRITTEN: Readonly<Record<string, string>> = {
  captures: 'received_at',
  events: 'created_at',
  jobs: 'created_at',
  devices: 'last_seen_at',
  images: 'created_at',
  audit: 'at',
};

/** Those where the newest is found without reading every row. */
const INDEXED = new Set(['captures', 'events']);

interface Size {
  name: string;
  estimate: number;
  size: number;
}

/** Makes what measures the database: its size, and rows, size and last write of the tables that people ask for. */
export function databaseFigures(db: Pick<Db, 'query'>, clock: Clock): () => Promise<DatabaseFigures> {
  let last: { at: number; figures: Promise<DatabaseFigures> } | undefined;
  return () => {
    const now = clock.monotonicMs();
    if (!last || now - last.at > FRESH_MS) {
      const measured = { at: now, figures: measure(db) };
      last = measured;
      measured.figures.catch(() => {
        if (last === measured) last = undefined;
      });
    }
    return last.figures;
  };
}

async function measure(db: Pick<Db, 'query'>): Promise<DatabaseFigures> {
  const { rows: found } = await db.query<{ version: string; size: number }>(
    `select current_setting('server_version') as version, pg_database_size(current_database())::float8 as size`,
  );
  const { rows: sizes } = await db.query<Size>(
    `select c.relname as name, c.reltuples::float8 as estimate, pg_total_relation_size(c.oid)::float8 as size
       from pg_class c where c.oid = any(select to_regclass(t) from unnest($1::text[]) t) order by c.relname`,
    [Object.keys(WRITTEN)],
  );
  const tables: DatabaseFigures['tables'] = [];
  for (const { name, estimate, size } of sizes) {
    const isLarge = estimate > MOST_COUNTED;
    const { rows } = await db.query<{ n: number; written: Date | null }>(
      `select ${isLarge ? 0 : 'count(*)::int'} as n, ${isLarge && !INDEXED.has(name) ? 'null::timestamptz' : `max(${WRITTEN[name]})`} as written
         from ${name}`,
    );
    const [row] = rows;
    tables.push({
      name,
      rows: isLarge ? Math.round(estimate) : (row?.n ?? 0),
      lastWrite: row?.written ?? null,
      sizeBytes: size,
    });
  }
  return { version: found[0]?.version ?? '', sizeBytes: found[0]?.size ?? 0, tables };
}
