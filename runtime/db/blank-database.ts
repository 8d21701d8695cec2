import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Log } from '../contracts/host.ts';
import { ifThere } from '../lib/files.ts';
import { unpackFolder } from './packed-folder.ts';

/** The file below `blanks` that holds an empty database of the PGlite that is installed; one of another version is never looked at. */
export function blankIn(blanks: string): string {
  const manifest = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  const { version } = JSON.parse(readFileSync(fileURLToPath(manifest), 'utf8')) as { version: string };
  return join(blanks, `blank-${version}.br`);
}

/** Tells whether a build has left one there. */
export function isBlankThere(blanks: string): boolean {
  return existsSync(blankIn(blanks));
}

/**
 * Puts the empty database of the build into a folder that is not there: 0.3 s of work, where PostgreSQL's own way of making one takes
 * 5 s. False where there is none that can be used: then nothing is left behind, and the caller makes one.
 */
export async function putBlank(blanks: string, folder: string, log: Log): Promise<boolean> {
  try {
    const pack = await ifThere(() => readFile(blankIn(blanks)));
    if (pack === undefined) return false;
    unpackFolder(pack, folder);
    return true;
  } catch (error) {
    log.warn('the empty database of the build cannot be used, one is made instead', { folder: blanks, error });
    await rm(folder, { recursive: true, force: true });
    return false;
  }
}
