import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Folders of a whole run hold about 1 GB at once, bytes. */
const ROOM = 4 * 1024 ** 3;
/** What tests, servers and browsers need beside them, bytes. */
const LEFT_OVER = 4 * 1024 ** 3;

export interface Scratch {
  folder: string;
  remove(): void;
}

/**
 * A folder in memory for what lasts no longer than its test: data folders, embedded databases (1,000 small files each), profiles of
 * browsers. On a disk, making those is a third of what many files cost. None where there is no such memory, too little of it, where
 * programs in it may not run, or where TMPDIR says what to take. All users may enter, since PostgreSQL runs as one of its own.
 */
export function scratchInMemory(env: NodeJS.ProcessEnv = process.env): Scratch | undefined {
  if (env.TMPDIR !== undefined || !hasRoom()) return undefined;
  const folder = mkdtempSync(join(MEMORY, 'redeye-tests-'));
  chmodSync(folder, 0o755);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}

function hasRoom(): boolean {
  try {
    // The last one mounted there is the one that counts.
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .findLast((line) => line.split(' ')[1] === MEMORY);
    const [, , type, options = ''] = mount?.split(' ') ?? [];
    if (type !== 'tmpfs' || options.split(',').includes('noexec')) return false;
    const { bavail, bsize } = statfsSync(MEMORY);
    const [, kilobytes = '0'] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
    return bavail * bsize >= ROOM && Number(kilobytes) * 1024 >= ROOM + LEFT_OVER;
  } catch {
    return false;
  }
}
