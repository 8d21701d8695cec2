import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';

const NAME = 'lock';
/** How long the end of somebody else's takeover is waited for, and how often it is looked at, ms. */
const TAKEOVER_MS = 2_000;
const LOOK_MS = 20;

export interface LockOptions {
  pid: number;
  clock: Clock;
  /** when a process began, as the system tells it; undefined for one that is not there */
  processStart?: (pid: number) => string | undefined;
}

export interface DataDirLock {
  /** Gives the folder back; may be called twice. */
  release(): Promise<void>;
}

interface Holder {
  token: string;
  pid: number;
  /** tells a process from a later one with the same pid */
  start: string;
  /** epoch ms, for people */
  since: number;
}

const NOBODY = 0;
const UNREADABLE: Holder = { token: 'unreadable', pid: NOBODY, start: '', since: 0 };

/**
 * Makes this process the only user of a data folder. Throws `data_dir.locked` with the holder's pid while that runs; the lock of a
 * process that is gone is taken over, also where another program has its pid by now. Of several that start at once, one gets it.
 * Processes that do not see each other (containers that share a folder) are not told apart.
 */
export async function lockDataDir(folder: string, options: LockOptions): Promise<DataDirLock> {
  const { pid, clock, processStart = startOfProcess } = options;
  const path = join(folder, NAME);
  const own: Holder = { token: randomUUID(), pid, start: processStart(pid) ?? '', since: clock.now() };
  const draft = join(folder, `.${NAME}.${own.token}`);
  // Linked into place, so that whoever finds a lock finds it whole.
  await writeFile(draft, JSON.stringify(own), { flag: 'wx', mode: 0o644 });
  try {
    while (!(await linked(draft, path))) {
      const holder = await holderOf(path);
      if (holder === undefined) continue;
      if (isAlive(holder, own, processStart)) throw locked(folder, holder);
      await removeStale(path, holder, { own, clock, processStart });
    }
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async release() {
      if ((await holderOf(path))?.token === own.token) await rm(path, { force: true });
    },
  };
}

/**
 * Removes the lock of a dead process. Only one process ever may, for one lock: otherwise a slow one would remove the lock that a
 * quicker one has put in its place. Who finds another at it waits for the end of that.
 */
async function removeStale(
  path: string,
  stale: Holder,
  { own, clock, processStart }: { own: Holder; clock: Clock; processStart: (pid: number) => string | undefined },
): Promise<void> {
  const right = `${path}.${stale.token}`;
  if (await created(right, JSON.stringify(own))) {
    // Looked at again: a quicker one may have come and gone since. From here on nobody else can change it.
    if ((await holderOf(path))?.token === stale.token) await rm(path, { force: true });
    await rm(right, { force: true });
    return;
  }
  const end = performance.now() + TAKEOVER_MS;
  while (performance.now() < end) {
    if ((await holderOf(path))?.token !== stale.token) return;
    await clock.sleep(LOOK_MS);
  }
  const other = await holderOf(right);
  if (other && isAlive(other, own, processStart)) throw locked(path, other);
  // It died in the middle of its takeover.
  await rm(right, { force: true });
}

function isAlive(holder: Holder, own: Holder, processStart: (pid: number) => string | undefined): boolean {
  if (holder.pid === NOBODY) return false;
  // Our own pid in a lock that is not ours: an earlier process had it, as in a container that was started again.
  if (holder.pid === own.pid) return holder.start === own.start && holder.start !== '';
  const start = processStart(holder.pid);
  return start !== undefined && (holder.start === '' || start === '' || start === holder.start);
}

/**
 * When a process began: boot and ticks since then where /proc tells (proc(5), field 22 of stat), '' where the system only says
 * that it is there, undefined for one that is not.
 */
function startOfProcess(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: somebody else's, and so alive.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    // The name in brackets may hold anything, brackets and spaces too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie holds nothing any more.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return `${boot}:${fields[19]}`;
  } catch {
    return '';
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // A file system without links (exFAT): created and then filled, nearly as good.
    if (code === 'EPERM' || code === 'ENOTSUP') return await created(to, await readFile(from, 'utf8'));
    throw error;
  }
}

async function created(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Who holds the lock; undefined when there is none. One that cannot be read (a power cut) is nobody's. */
async function holderOf(path: string): Promise<Holder | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { token, pid, start, since } = { ...(JSON.parse(text) as Partial<Holder> | null) };
    if (token === undefined || pid === undefined || start === undefined || since === undefined) return UNREADABLE;
    if (/^[0-9a-f-]{36}$/.test(token) && Number.isSafeInteger(pid) && pid > 0) return { token, pid, start, since };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return UNREADABLE;
}

function locked(folder: string, holder: Holder): AppError {
  const message = `${folder} is in use by process ${holder.pid}: stop that first, or give this one a DATA_DIR of its own`;
  return new AppError('data_dir.locked', message, { pid: holder.pid });
}
