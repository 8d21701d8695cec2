import { readFile } from 'node:fs/promises';
import type { Clock, Log } from '../contracts/host.ts';
import { writeFileDurably } from '../lib/files.ts';

/** So many starts without a clean end in so short a time mean that something in the flows brings the process down. */
export const CRASH_LIMIT = 3;
export const CRASH_WINDOW_MS = 5 * 60_000;

/**
 * Decides from the starts that had no clean end (epoch ms) whether flows may run. Only runs that began within the window count: who
 * lives longer than that and crashes is no loop. A start that lies a little ahead (a clock set back) counts too.
 */
export function flowsMayRun(unfinishedStarts: readonly number[], now: number): { may: boolean; crashes: number } {
  const crashes = recent(unfinishedStarts, now).length;
  return { may: crashes < CRASH_LIMIT, crashes };
}

export interface CrashGuard {
  /** Notes this start, and answers why flows must stay stopped, or undefined when they may run. */
  begin(): Promise<string | undefined>;
  /** The process ends as it should, whatever it ran. May be called twice. */
  end(): Promise<void>;
}

/** Counts crashes across restarts in a small file: a start is written down before flows run, and struck out by a clean end. */
export function createCrashGuard(options: { file: string; clock: Clock; log: Log }): CrashGuard {
  const { file, clock, log } = options;
  let begun = false;
  const write = (starts: number[]) => writeFileDurably(file, `${JSON.stringify({ starts })}\n`);
  return {
    async begin() {
      const now = clock.now();
      const unfinished = recent(await readStarts(file, log), now);
      const { may, crashes } = flowsMayRun(unfinished, now);
      begun = true;
      await write([...unfinished, now]);
      if (may) return undefined;
      const minutes = CRASH_WINDOW_MS / 60_000;
      return `ended ${crashes} times without a clean stop within ${minutes} minutes: flows are stopped, the editor is on`;
    },
    async end() {
      if (!begun) return;
      begun = false;
      await write([]);
    },
  };
}

function recent(starts: readonly number[], now: number): number[] {
  return starts.filter((at) => Math.abs(now - at) < CRASH_WINDOW_MS);
}

async function readStarts(file: string, log: Log): Promise<number[]> {
  try {
    const { starts } = JSON.parse(await readFile(file, 'utf8')) as { starts?: unknown };
    return Array.isArray(starts) ? starts.filter((at) => typeof at === 'number') : [];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn('earlier starts are not known', { file, error });
    return [];
  }
}
