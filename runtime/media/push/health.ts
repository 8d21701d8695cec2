import { rename, writeFile } from 'node:fs/promises';
import { toAppError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/host.ts';
import type { PublisherHealth, PushStatus } from '../../contracts/pushes.ts';

/** All pushes in one word, the worst first; `missing` when none is wanted. */
export function publisherHealth(pushes: readonly PushStatus[], now: number, pid: number): PublisherHealth {
  const wanted = pushes.filter((push) => push.wanted);
  const bad = wanted.find(({ state }) => state !== 'live' && state !== 'connecting');
  const young = wanted.find(({ state }) => state === 'connecting');
  const ts = now / 1000;
  const named = ({ name, reason }: PushStatus) => (reason === undefined ? name : `${name}: ${reason}`);
  if (bad) return { ts, status: 'error', detail: named(bad), pid };
  if (young) return { ts, status: 'initializing', detail: named(young), pid };
  if (wanted.length > 0) return { ts, status: 'running', detail: null, pid };
  return { ts, status: 'missing', detail: null, pid };
}

/** Keeps a file with the health for whoever reads no HTTP; what cannot be written is said once, and tried again with the next change. */
export class HealthFile {
  readonly #path: string;
  readonly #log: Log;
  #writing: Promise<void> = Promise.resolve();
  #isTrouble = false;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Writes after what is being written; resolves when it is done. */
  write(health: PublisherHealth): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      try {
        // Whoever reads it finds the old one or the new one, never half of it.
        const fresh = `${this.#path}.${process.pid}.tmp`;
        await writeFile(fresh, `${JSON.stringify(health)}\n`, { mode: 0o644 });
        await rename(fresh, this.#path);
        this.#isTrouble = false;
      } catch (error) {
        if (!this.#isTrouble)
          this.#log.warn('the health file cannot be written', { reason: toAppError(error).message });
        this.#isTrouble = true;
      }
    });
    return this.#writing;
  }
}
