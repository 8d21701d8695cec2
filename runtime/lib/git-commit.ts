import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../contracts/host.ts';
import type { Part } from './part.ts';

const GIT_TIMEOUT_MS = 5000;
const LOOK_EVERY_MS = 60_000;

/** The commit that a folder is at; undefined where it is no git checkout, or git is not there. */
export async function commitOf(folder: string): Promise<string | undefined> {
  if (!(await isBelowGit(folder))) return undefined;
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, 'rev-parse', 'HEAD'], {
      timeout: GIT_TIMEOUT_MS,
    });
    return /^[0-9a-f]{40,64}$/.exec(stdout.trim())?.[0];
  } catch {
    return undefined;
  }
}

/** Spares a process where there is nothing for git to tell. */
async function isBelowGit(folder: string): Promise<boolean> {
  for (let place = folder; ; place = dirname(place)) {
    if (await stat(join(place, '.git')).catch(() => undefined)) return true;
    if (dirname(place) === place) return false;
  }
}

/** Knows at any moment the commit that a folder is at, a minute late at most: for records that are made too often to ask git. */
export function createCommitWatch({ folder, clock }: { folder: string; clock: Clock }): Part & {
  current(): string | undefined;
} {
  let commit: string | undefined;
  let cancel: (() => void) | undefined;
  let running = false;
  const look = async (): Promise<void> => {
    commit = await commitOf(folder);
    if (running) cancel = clock.after(LOOK_EVERY_MS, () => void look());
  };
  return {
    current: () => commit,
    async start() {
      if (running) return;
      running = true;
      await look();
    },
    async stop() {
      running = false;
      cancel?.();
    },
  };
}
