import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AppError } from '../contracts/errors.ts';

/** Two files of this size at most: a card must not fill up with words. */
const MAX_BYTES = 10 * 1024 * 1024;

/**
 * Keeps the lines of the log in a file as well (LOG_FILE). At 10 MB it becomes `<path>.1`, in place of the one before, and a new one
 * begins. A file that cannot be written, on a full disk for instance, costs its lines and nothing else: they are in the output, too.
 */
export class LogFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #file: number | undefined;
  #bytes = 0;

  /** Throws when the file cannot be opened: then the setting is wrong. */
  constructor(path: string, maxBytes = MAX_BYTES) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    mkdirSync(dirname(path), { recursive: true });
    this.#open();
  }

  /** Appends a line that ends with its own line break. */
  readonly add = (line: string): void => {
    try {
      if (this.#bytes >= this.#maxBytes) this.#turn();
      if (this.#file === undefined) this.#open();
      if (this.#file !== undefined) this.#bytes += writeSync(this.#file, line);
    } catch {
      // Tried again with the next line.
      this.close();
    }
  };

  close(): void {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) closeSync(file);
  }

  #open(): void {
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#bytes = fstatSync(this.#file).size;
  }

  #turn(): void {
    this.close();
    this.#bytes = 0;
    renameSync(this.#path, `${this.#path}.1`);
  }
}

/** The file of LOG_FILE, if there is one; throws `setting.invalid` when it cannot be written. */
export function openLogFile(path: string | undefined): LogFile | undefined {
  try {
    return path === undefined ? undefined : new LogFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new AppError(
      'setting.invalid',
      `LOG_FILE: ${path} cannot be written (${code})`,
      { field: 'LOG_FILE' },
      { cause },
    );
  }
}
