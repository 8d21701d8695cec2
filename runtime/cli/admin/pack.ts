import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Static } from 'typebox';
import type { Clock } from '../../contracts/host.ts';
import type { Db } from '../../db/db.ts';
import type { EmbeddedDb } from '../../db/pglite.ts';
import { dumpTables } from '../../db/tables.ts';
import { filesBelow, isAllowedPath, type Manifest, PLACES, userFilesBelow } from './contents.ts';
import { TarWriter } from './tar.ts';

export interface PackParts {
  db: Db;
  /** the same, where it is the embedded one */
  embedded?: EmbeddedDb | undefined;
  dataDir: string;
  flowsDir: string;
  version: string;
  clock: Clock;
}

/** Of events, and those that somebody asked for; below the data folder. */
const PICTURE_FOLDERS = ['events', 'images'] as const;

/** What went into a backup. */
export interface PackSummary {
  database: Db['kind'];
  flows: number;
  images: number;
}

/**
 * Writes a backup, one packed tar file: database, secrets, flows, what Node-RED keeps, and the pictures of events and on request if asked for. Frames
 * are not in it. The database is as it was at one moment; the embedded one stands still for a fraction of a second only.
 */
export async function packBackup(out: Writable, parts: PackParts, options: { images: boolean }): Promise<PackSummary> {
  const { dataDir, flowsDir, clock } = parts;
  const gzip = createGzip({ level: 6 });
  const done = pipeline(gzip, out);
  // Looked at below in any case; until then it must not count as unhandled.
  done.catch(() => undefined);
  const tar = new TarWriter(async (chunk) => {
    if (!gzip.write(chunk)) await Promise.race([once(gzip, 'drain'), done]);
  }, clock.now());
  const summary: PackSummary = { database: parts.db.kind, flows: 0, images: 0 };
  try {
    const manifest: Static<typeof Manifest> = {
      product: 'redeye',
      format: 1,
      version: parts.version,
      made_at: new Date(clock.now()).toISOString(),
      database: parts.embedded ? 'pglite' : 'tables',
      images: options.images,
    };
    await tar.add(PLACES.manifest, json(manifest));
    await addDatabase(tar, parts);
    await addFile(tar, PLACES.secrets, join(dataDir, 'secrets.json'));
    // Devices trust this key and what it vouches for, nothing else. One that lies elsewhere was put there on purpose.
    await addFile(tar, PLACES.signingKey, join(dataDir, PLACES.signingKey));
    for await (const name of filesBelow(join(dataDir, 'bundles'))) {
      if (isAllowedPath(`bundles/${name}`)) await addFile(tar, `bundles/${name}`, join(dataDir, 'bundles', name));
    }
    for (const side of ['server', 'edge']) {
      for await (const path of filesBelow(join(flowsDir, side))) {
        if (await addFile(tar, `flows/${side}/${path}`, join(flowsDir, side, path))) summary.flows += 1;
      }
    }
    const userDir = join(dataDir, 'node-red');
    for await (const path of userFilesBelow(userDir)) await addFile(tar, `node-red/${path}`, join(userDir, path));
    if (options.images) {
      for (const folder of PICTURE_FOLDERS) {
        for await (const path of filesBelow(join(dataDir, folder))) {
          if (await addFile(tar, `${folder}/${path}`, join(dataDir, folder, path))) summary.images += 1;
        }
      }
    }
    await tar.end();
    gzip.end();
  } catch (error) {
    gzip.destroy(error as Error);
    await done.catch(() => undefined);
    throw error;
  }
  await done;
  return summary;
}

async function addDatabase(tar: TarWriter, { db, embedded }: PackParts): Promise<void> {
  if (embedded) {
    await tar.add(PLACES.pglite, await embedded.dump());
    return;
  }
  const counts = new Map<string, number>();
  const dumped = await dumpTables(db, async (table, lines) => {
    const part = counts.get(table) ?? 0;
    counts.set(table, part + 1);
    await tar.add(PLACES.rows(table, part), Buffer.from(lines));
  });
  await tar.add(PLACES.tables, json(dumped));
}

/** Adds a file; one that was deleted meanwhile is left out, and the answer is false. */
async function addFile(tar: TarWriter, path: string, file: string): Promise<boolean> {
  let content: Buffer;
  try {
    content = await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  await tar.add(path, content);
  return true;
}

function json(value: object): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
