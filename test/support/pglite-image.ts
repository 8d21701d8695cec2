import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { makeFolder, openFolder } from '../../runtime/db/embedded-folder.ts';
import { migrate } from '../../runtime/db/migrate.ts';
import { packFolder, unpackFolder } from '../../runtime/db/packed-folder.ts';
import { openPglite } from '../../runtime/db/pglite.ts';
import { silentLog } from '../../runtime/lib/log.ts';

const ROOT = new URL('../../', import.meta.url);
const CACHE = new URL('node_modules/.cache/redeye/', ROOT);
const MIGRATIONS = new URL('runtime/db/migrations/', ROOT);
/** What decides how a migrated folder looks, beside the migrations. */
const MAKERS = [
  'runtime/db/migrate.ts',
  'runtime/db/pglite-instance.ts',
  'runtime/db/embedded-folder.ts',
  'runtime/db/packed-folder.ts',
];

/**
 * A new embedded database without a table, as a dump. To make one takes 5–8 s, to load it 0.5 s and more: it is kept beside the
 * installed packages, named after PGlite's version. Whoever tests the making itself does not ask here.
 */
export async function emptyPglite(): Promise<Blob> {
  const file = new URL(`pglite-${version()}.tar`, CACHE);
  if (!existsSync(file)) {
    const fresh = await openPglite({ log: silentLog });
    const bytes = Buffer.from(await (await fresh.dump()).arrayBuffer());
    await fresh.close();
    await mkdir(CACHE, { recursive: true });
    const temporary = new URL(`${file.href}.${process.pid}`);
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  }
  return new Blob([new Uint8Array(await readFile(file))]);
}

/**
 * Puts a migrated database without any row, closed in order, into the folder `to`, which must not be there. It is unpacked from one
 * that is made once for these migrations: that takes 0.3 s of work, to copy its files 1.2 s, to load a dump and migrate it 3 s.
 */
export async function putMigratedPglite(to: string): Promise<void> {
  unpackFolder(await migratedPack(), to);
}

let pack: Promise<Buffer> | undefined;

/** Makes both images where they are missing, so that no time limit of a test runs meanwhile. */
export async function preparePglite(): Promise<void> {
  await migratedPack();
}

function migratedPack(): Promise<Buffer> {
  pack ??= readOrMake();
  return pack;
}

async function readOrMake(): Promise<Buffer> {
  const file = new URL(`pglite-${version()}-${fingerprint()}.br`, CACHE);
  if (existsSync(file)) return await readFile(file);
  const making = new URL(`making-${process.pid}/`, CACHE);
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const path = new URL('db', making).pathname;
  await makeFolder(path, { log: silentLog, from: await emptyPglite() });
  const db = await openFolder(path, { log: silentLog, interrupted: false });
  await migrate(db, silentLog);
  await db.close();
  const packed = packFolder(path);
  await writeFile(new URL('packed', making), packed);
  // Another run may have made the same meanwhile: either is as good.
  await rename(new URL('packed', making), file);
  await rm(making, { recursive: true, force: true });
  return packed;
}

function version(): string {
  const manifest = readFileSync(new URL('node_modules/@electric-sql/pglite/package.json', ROOT), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function fingerprint(): string {
  const hash = createHash('sha256');
  const files = [
    ...readdirSync(MIGRATIONS).map((name) => new URL(name, MIGRATIONS)),
    ...MAKERS.map((f) => new URL(f, ROOT)),
  ];
  for (const file of files.sort((a, b) => (a.href < b.href ? -1 : 1)))
    hash.update(file.href.slice(ROOT.href.length)).update(readFileSync(file));
  return hash.digest('hex').slice(0, 12);
}
