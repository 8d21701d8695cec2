import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { OwnPictureMeta } from '../../runtime/contracts/gallery.ts';
import type { Log, Release } from '../../runtime/contracts/host.ts';
import { ensureFolder, syncFolder, TEMPORARY, writeFileDurably } from '../../runtime/lib/files.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { Turns } from '../../runtime/lib/turns.ts';
import { decodeFrame, encodeFrame, type SpooledFrame } from '../spool/record.ts';
import { wholeSize } from '../spool/scan.ts';
import { Shelf } from '../spool/shelf.ts';
import {
  type DeadPicture,
  deadName,
  parseDead,
  parseWaiting,
  type WaitingPicture,
  waitingName,
  whyInName,
} from './names.ts';

const MB = 1024 * 1024;
/** Pictures handed in faster than the disk takes them are refused beyond this. */
const MAX_PENDING_BYTES = 48 * MB;
const ASIDE_LIMITS = { files: 20, bytes: 16 * MB };

export type OwnPicture = SpooledFrame<OwnPictureMeta>;

export interface OutboxOptions {
  folder: string;
  /** of all files, waiting and dead */
  maxBytes: number;
  /** of either kind; default 1000 */
  maxCount?: number;
  log: Log;
}

export interface OutboxCounts {
  waiting: number;
  dead: number;
  /** of both */
  bytes: number;
  /** since the start: gone to make room */
  dropped: number;
}

/** The device's own captures on disk until the server has them, the oldest first, and those that were given up. */
export class Outbox implements Part {
  readonly #options: OutboxOptions;
  readonly #aside: Shelf;
  readonly #watchers = new Set<() => void>();
  #waiting: WaitingPicture[] = [];
  #dead: DeadPicture[] = [];
  #held: number | undefined;
  #next = 0;
  #dropped = 0;
  #pendingBytes = 0;
  #running = false;
  /** One change at a time: the order of numbers is the order of files. */
  readonly #turns = new Turns();

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#aside = new Shelf(join(options.folder, 'aside'), ASIDE_LIMITS);
  }

  /** Reads the folder: deletes what was half written, sets torn and alien files aside. */
  async start(): Promise<void> {
    if (this.#running) return;
    const { folder, log } = this.#options;
    await ensureFolder(this.#deadFolder(), 0o700);
    this.#waiting = await this.#scan(folder, parseWaiting);
    this.#dead = await this.#scan(this.#deadFolder(), parseDead);
    this.#next = Math.max(-1, ...this.#waiting.map(({ n }) => n), ...this.#dead.map(({ n }) => n)) + 1;
    this.#running = true;
    const { waiting, dead } = this.counts();
    if (waiting + dead > 0) log.info('captures of this device wait for the server', { waiting, dead });
  }

  /** Finishes what is being written. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#turns.over();
  }

  counts(): OutboxCounts {
    const bytes = [...this.#waiting, ...this.#dead].reduce((sum, { size }) => sum + size, 0);
    return { waiting: this.#waiting.length, dead: this.#dead.length, bytes, dropped: this.#dropped };
  }

  /** What waits, the oldest first. */
  waiting(): WaitingPicture[] {
    return [...this.#waiting];
  }

  /** What was given up, the oldest first. */
  dead(): DeadPicture[] {
    return [...this.#dead];
  }

  /** Calls after each change. */
  watch(onChange: () => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /**
   * Puts a picture on disk; resolves when it is durable there. The oldest make room for it; throws `spool.full` when it fits not even then or
   * the disk does not keep up, and `disk.full`.
   */
  async add(id: string, picture: OwnPicture): Promise<WaitingPicture> {
    if (!this.#running) throw new AppError('spool.full', 'the outbox is closed');
    const size = picture.jpeg.length;
    if (this.#pendingBytes + size > MAX_PENDING_BYTES)
      throw new AppError('spool.full', 'the disk does not keep up: too many pictures are waiting to be written');
    this.#pendingBytes += size;
    try {
      return await this.#turns.take(() => this.#write(id, encodeFrame(picture)));
    } finally {
      this.#pendingBytes -= size;
    }
  }

  /** The picture, which does not go to make room until another one is held. Undefined when it is torn: then it is set aside. */
  hold(entry: WaitingPicture): Promise<OwnPicture | undefined> {
    return this.#turns.take(async () => {
      this.#held = undefined;
      if (!this.#waiting.includes(entry)) return undefined;
      const name = waitingName(entry);
      const bytes = await readFile(this.#path(name)).catch((error) => {
        this.#options.log.error('a picture of the outbox cannot be read', { file: name, error });
        return Buffer.alloc(0);
      });
      const picture = decodeFrame<OwnPictureMeta>(bytes);
      if (picture) {
        this.#held = entry.n;
        return picture;
      }
      await this.#setAside(this.#options.folder, name, 'torn or altered');
      this.#forget(entry);
      return undefined;
    });
  }

  /** It has been through another pause. */
  step(entry: WaitingPicture): Promise<void> {
    return this.#turns.take(async () => {
      if (!this.#waiting.includes(entry)) return;
      const next = { ...entry, step: Math.min(entry.step + 1, 9) };
      await rename(this.#path(waitingName(entry)), this.#path(waitingName(next)));
      await syncFolder(this.#options.folder);
      entry.step = next.step;
    });
  }

  /** The server has it, or nobody wants it: the file goes. */
  remove(entry: WaitingPicture): Promise<void> {
    return this.#turns.take(() => this.#drop(entry));
  }

  /** It is given up: the file goes to `dead/`, with the reason in its name. It needs no space for that. */
  bury(entry: WaitingPicture, why: string): Promise<void> {
    return this.#turns.take(async () => {
      if (!this.#waiting.includes(entry)) return;
      const { n, id, size } = entry;
      const dead = { n, id, why: whyInName(why), size };
      await rename(this.#path(waitingName(entry)), join(this.#deadFolder(), deadName(dead)));
      for (const folder of [this.#deadFolder(), this.#options.folder]) await syncFolder(folder);
      this.#dead.push(dead);
      this.#dead.sort(byNumber);
      this.#forget(entry);
      await this.#makeRoom(0);
    });
  }

  /** Has the dead wait again, from the first step: those of these ids, or all. Answers how many. */
  revive(ids?: readonly string[]): Promise<number> {
    return this.#turns.take(async () => {
      const chosen = this.#dead.filter(({ id }) => ids?.includes(id) ?? true);
      for (const dead of chosen) {
        const { n, id, size } = dead;
        const entry = { n, id, step: 0, size };
        await rename(join(this.#deadFolder(), deadName(dead)), this.#path(waitingName(entry)));
        this.#dead.splice(this.#dead.indexOf(dead), 1);
        this.#waiting.push(entry);
      }
      this.#waiting.sort(byNumber);
      await syncFolder(this.#options.folder);
      if (chosen.length > 0) this.#tell();
      return chosen.length;
    });
  }

  /** Deletes the dead of these ids, or all; answers how many. */
  deleteDead(ids?: readonly string[]): Promise<number> {
    return this.#turns.take(async () => {
      const chosen = this.#dead.filter(({ id }) => ids?.includes(id) ?? true);
      for (const dead of chosen) await this.#dropDead(dead);
      return chosen.length;
    });
  }

  // ---- inside a turn -------------------------------------------------------------------------------------------------

  async #write(id: string, bytes: Buffer): Promise<WaitingPicture> {
    const entry = { n: this.#next, id, step: 0, size: bytes.length };
    if (bytes.length > this.#options.maxBytes || !(await this.#makeRoom(bytes.length)))
      throw new AppError('spool.full', 'the picture is larger than the outbox may be');
    for (;;) {
      try {
        await writeFileDurably(this.#path(waitingName(entry)), bytes, 0o600);
        break;
      } catch (cause) {
        const isFull = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
        if (isFull && (await this.#dropOldest('the disk is full'))) continue;
        const words = `the picture could not be kept for the server: ${String(cause)}`;
        throw new AppError(isFull ? 'disk.full' : 'disk.failed', words, {}, { cause });
      }
    }
    this.#next += 1;
    this.#waiting.push(entry);
    this.#tell();
    return entry;
  }

  /** False when so much can never fit. */
  async #makeRoom(bytes: number): Promise<boolean> {
    const { maxBytes, maxCount = 1000 } = this.#options;
    const isMore = bytes > 0 ? 1 : 0;
    const isTooMuch = () =>
      this.counts().bytes + bytes > maxBytes ||
      this.#waiting.length + isMore > maxCount ||
      this.#dead.length > maxCount;
    while (isTooMuch()) if (!(await this.#dropOldest('the outbox is full'))) return false;
    return true;
  }

  async #dropOldest(why: string): Promise<boolean> {
    const dead = this.#dead[0];
    const entry = this.#waiting.find(({ n }) => n !== this.#held);
    const gone = dead ?? entry;
    if (!gone) return false;
    if (dead) await this.#dropDead(dead);
    else if (entry) await this.#drop(entry);
    this.#dropped += 1;
    const { log } = this.#options;
    log.warn('a capture that the server never got was deleted to make room', { image: gone.id, why });
    return true;
  }

  async #drop(entry: WaitingPicture): Promise<void> {
    if (!this.#waiting.includes(entry)) return;
    await rm(this.#path(waitingName(entry)), { force: true });
    this.#forget(entry);
  }

  async #dropDead(dead: DeadPicture): Promise<void> {
    await rm(join(this.#deadFolder(), deadName(dead)), { force: true });
    this.#dead.splice(this.#dead.indexOf(dead), 1);
    this.#tell();
  }

  #forget(entry: WaitingPicture): void {
    this.#waiting = this.#waiting.filter((one) => one !== entry);
    if (this.#held === entry.n) this.#held = undefined;
    this.#tell();
  }

  // ---- small ---------------------------------------------------------------------------------------------------------

  async #scan<T extends object>(
    folder: string,
    parse: (name: string) => T | undefined,
  ): Promise<(T & { size: number; n: number })[]> {
    const found: (T & { size: number; n: number })[] = [];
    for (const file of await readdir(folder, { withFileTypes: true })) {
      if (file.isDirectory()) continue;
      const path = join(folder, file.name);
      if (TEMPORARY.test(file.name)) {
        await rm(path, { force: true });
        continue;
      }
      const meaning = parse(file.name) as (T & { n: number }) | undefined;
      const size = meaning && (await wholeSize(path));
      if (meaning && size !== undefined) found.push({ ...meaning, size });
      else await this.#setAside(folder, file.name, meaning ? 'torn' : 'alien');
    }
    return found.sort(byNumber);
  }

  async #setAside(folder: string, name: string, why: string): Promise<void> {
    const { log } = this.#options;
    log.warn('file of the outbox set aside', { file: name, why });
    await this.#aside.put(join(folder, name), name).catch((error) => log.warn('could not set it aside', { error }));
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }

  #deadFolder(): string {
    return this.#path('dead');
  }
}

function byNumber(one: { n: number }, other: { n: number }): number {
  return one.n - other.n;
}
