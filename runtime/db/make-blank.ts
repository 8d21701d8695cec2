import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Log } from '../contracts/host.ts';
import { blankIn } from './blank-database.ts';
import { makeFolder } from './embedded-folder.ts';
import { packFolder } from './packed-folder.ts';

/**
 * Makes an empty database and leaves it below `blanks` for first starts (5 s of work and 39 MB meanwhile, 1 MB at the end); those of
 * other versions go. It holds no secret: no password, no row, only the number by which PostgreSQL tells clusters apart, which then is
 * the same in all that begin with it (only replication looks at it, and PGlite has none).
 */
export async function makeBlank(blanks: string, log: Log): Promise<void> {
  const file = blankIn(blanks);
  await mkdir(blanks, { recursive: true });
  const making = await mkdtemp(join(blanks, 'making-'));
  try {
    const folder = join(making, 'db');
    await makeFolder(folder, { log });
    const packed = join(making, 'packed');
    await writeFile(packed, packFolder(folder));
    await rename(packed, file);
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  const old = (await readdir(blanks)).filter((name) => name.startsWith('blank-') && name !== basename(file));
  for (const name of old) await rm(join(blanks, name), { force: true });
}
