import type { Clock, Release } from '../../runtime/contracts/host.ts';
import type { CommandHandler } from './commands.ts';

const TELL_EVERY_MS = 500;
const MAX_LINES = 200;
const MAX_LINE_CHARS = 500;

/** The lines of this process' log as they are written, secrets hidden already. */
export class LogTail {
  readonly #watchers = new Set<(line: string) => void>();

  /** A line was written. */
  add(line: string): void {
    for (const watcher of this.#watchers) watcher(line);
  }

  watch(onLine: (line: string) => void): Release {
    this.#watchers.add(onLine);
    return () => this.#watchers.delete(onLine);
  }
}

/** Command `logs`: what is logged from now on, twice a second; at most 200 lines each time, and it says how many it left out. */
export function logsCommand(tail: LogTail, clock: Clock): CommandHandler {
  return async ({ seconds }, { signal, progress }) => {
    let lines: string[] = [];
    let left = 0;
    let total = 0;
    const tell = () => {
      if (lines.length > 0) progress({ lines, ...(left > 0 && { left_out: left }) });
      lines = [];
      left = 0;
    };
    const release = tail.watch((line) => {
      total += 1;
      if (lines.length < MAX_LINES) lines.push(line.trimEnd().slice(0, MAX_LINE_CHARS));
      else left += 1;
    });
    const end = clock.monotonicMs() + Number(seconds) * 1000;
    try {
      while (clock.monotonicMs() < end && !signal.aborted) {
        await clock.sleep(Math.min(TELL_EVERY_MS, end - clock.monotonicMs()), signal);
        tell();
      }
      return { lines: total };
    } finally {
      release();
    }
  };
}
