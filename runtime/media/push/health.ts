import { rename, writeFile } from 'node:fs/promises';
import { toAppError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/host.ts';
import type { PublisherHealth } from '../../contracts/pushes.ts';

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
