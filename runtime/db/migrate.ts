import { readdir, readFile } from 'node:fs/promises';
import { AppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import type { Db, Queryable } from './db.ts';

/** The product's own migrations; beside this file, in the source as in the build. */
const OWN_FOLDER = new URL('./migrations/', import.meta.url);
const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/;
/** Any number that no other program takes an advisory lock on: 'redeye' in ASCII, as far as it fits. */
const LOCK = 0x72656465;

const VERSIONS_TABLE = `create table if not exists schema_migrations (
  number integer primary key,
  name text not null,
  applied_at timestamptz not null default now()
)`;

interface Migration {
  number: number;
  name: string;
  file: URL;
}

/**
 * Brings the database to the newest migration, each in one transaction together with its row, so that one that fails leaves
 * nothing behind. Several servers may start at once: one works, the others wait. Throws `db.newer` for a database that a later
 * version of the product has already taken further. Answers the numbers that were applied.
 */
export async function migrate(db: Db, log: Log, folder: URL = OWN_FOLDER): Promise<number[]> {
  const migrations = await migrationsOf(folder);
  const applied: number[] = [];
  for (const migration of migrations) {
    const startedAt = performance.now();
    const text = await readFile(migration.file, 'utf8');
    const ran = await db.tx(
      async (q) => {
        const there = await lockedVersions(q, db.kind);
        refuseNewer(there, migrations);
        if (there.has(migration.number)) return false;
        await q.query(text);
        await q.query('insert into schema_migrations (number, name) values ($1, $2)', [
          migration.number,
          migration.name,
        ]);
        return true;
      },
      { unhurried: true },
    );
    if (!ran) continue;
    applied.push(migration.number);
    const ms = Math.round(performance.now() - startedAt);
    log.info('database migrated', { number: migration.number, name: migration.name, ms });
  }
  return applied;
}

/**
 * Makes the schema as it was after the given migration, inside of the caller's transaction, in a database that has none of it. Throws
 * `db.newer` for a migration that this version does not know.
 */
export async function makeSchema(q: Queryable, upTo: number, folder: URL = OWN_FOLDER): Promise<void> {
  const migrations = await migrationsOf(folder);
  refuseNewer(new Set([upTo]), migrations);
  await q.query(VERSIONS_TABLE);
  for (const { number, name, file } of migrations.slice(0, upTo)) {
    await q.query(await readFile(file, 'utf8'));
    await q.query('insert into schema_migrations (number, name) values ($1, $2)', [number, name]);
  }
}

/** Names of the tables that migrations make, their own included. */
export async function ownTables(folder: URL = OWN_FOLDER): Promise<string[]> {
  const texts = await Promise.all((await migrationsOf(folder)).map(({ file }) => readFile(file, 'utf8')));
  const made = [VERSIONS_TABLE, ...texts].flatMap((text) => [
    ...text.matchAll(/^\s*create table (?:if not exists )?([a-z_]+)/gim),
  ]);
  return made.map((match) => match[1] ?? '');
}

/** Which migrations the folder holds, in order; throws for a gap, a double number or a name that does not fit. */
async function migrationsOf(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return names.map((name, index) => {
    const [, digits, title] = FILE_NAME.exec(name) ?? [];
    const number = Number(digits);
    if (number !== index + 1 || title === undefined) {
      throw new AppError('internal.error', `migration ${name} should be number ${index + 1}, as 0001-title.sql`);
    }
    return { number, name: title, file: new URL(name, folder) };
  });
}

/** Takes the lock for the rest of the transaction and answers what is applied. */
async function lockedVersions(q: Queryable, kind: Db['kind']): Promise<Set<number>> {
  if (kind === 'postgres') {
    await q.query('select pg_advisory_xact_lock($1)', [LOCK]);
  }
  await q.query(VERSIONS_TABLE);
  const { rows } = await q.query<{ number: number }>('select number from schema_migrations');
  return new Set(rows.map((row) => row.number));
}

function refuseNewer(there: Set<number>, migrations: Migration[]): void {
  const newest = Math.max(0, ...there);
  if (newest <= migrations.length) return;
  throw new AppError(
    'db.newer',
    `the database is at migration ${newest} and this version of Redeye knows ${migrations.length}: ` +
      'start the newer version again, or restore a backup made before the upgrade',
    { database: newest, code: migrations.length },
  );
}
