import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Part } from '../../runtime/lib/part.ts';

/** Seed 000: an image can be fetched for an hour, and is looked after every ten minutes (S0.28). */
export const KEPT_MS = 3600_000;
const SWEEP_MS = 600_000;
/** A script that captures without a pause must not fill the card. */
const MOST_BYTES = 256 * 1024 * 1024;
const NAME = /^[0-9a-f]{32}\.jpg$/;

export interface KeptImage {
  /** 32 hexadecimal digits */
  id: string;
  /** as seed 002 names it */
  filename: string;
  size: number;
  /** epoch ms */
  keptAt: number;
}

/** Pictures that somebody asked this device for, until they are fetched or an hour has passed. */
export class KeptImages implements Part {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #images = new Map<string, KeptImage>();
  #stopSweep = () => {};

  constructor(options: { folder: string; clock: Clock; log: Log }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Forgets what a process before this one kept: nobody knows its ids. */
  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) if (NAME.test(name)) await rm(join(this.#folder, name));
    this.#later();
  }

  async stop(): Promise<void> {
    this.#stopSweep();
  }

  /** Throws `ENOSPC` and the like as the disk does. */
  async keep(jpeg: Buffer, filename: string): Promise<KeptImage> {
    const image = { id: randomBytes(16).toString('hex'), filename, size: jpeg.length, keptAt: this.#clock.now() };
    await writeFile(this.#path(image.id), jpeg, { mode: 0o600 });
    this.#images.set(image.id, image);
    await this.#sweep();
    return image;
  }

  /** Newest first. */
  list(): KeptImage[] {
    return [...this.#images.values()].reverse();
  }

  /** By id or file name; undefined when it is not there (any more). */
  async bytes(wanted: string): Promise<Buffer | undefined> {
    const image = this.#images.get(wanted) ?? this.list().find(({ filename }) => filename === wanted);
    if (!image || this.#clock.now() - image.keptAt > KEPT_MS) return undefined;
    const known = await stat(this.#path(image.id)).catch(() => undefined);
    return known && readFile(this.#path(image.id));
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.jpg`);
  }

  #later(): void {
    this.#stopSweep = this.#clock.after(SWEEP_MS, () => {
      this.#sweep().catch((error) => this.#log.warn('old pictures could not be deleted', { error }));
      this.#later();
    });
  }

  async #sweep(): Promise<void> {
    const now = this.#clock.now();
    let bytes = 0;
    for (const image of this.list()) {
      bytes += image.size;
      if (now - image.keptAt <= KEPT_MS && bytes <= MOST_BYTES) continue;
      this.#images.delete(image.id);
      await rm(this.#path(image.id), { force: true });
    }
  }
}
