import { readFile, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log, Release } from '../../runtime/contracts/host.ts';
import { ensureFolder, syncFolder, writeFileDurably } from '../../runtime/lib/files.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { Turns } from '../../runtime/lib/turns.ts';
import { GapReport } from './gap-report.ts';
import { frameName, lastName, newName } from './names.ts';
import { decodeFrame, encodeFrame, type SpooledFrame } from './record.ts';
import type { Reservation } from './reservation.ts';
import { type Entry, scanFolder } from './scan.ts';
import { Shelf } from './shelf.ts';

const MB = 1024 * 1024;
/** Frames handed in faster than the disk takes them are refused beyond this. */
const MAX_PENDING_BYTES = 48 * MB;
const REJECTED_LIMITS = { files: 100, bytes: 32 * MB };
const ASIDE_LIMITS = { files: 20, bytes: 16 * MB };

export interface SpoolOptions {
  folder: string;
  /** guards the numbers against the loss of the folder; a file outside it */
  reservation: Reservation;
  maxBytes: number;
  clock: Clock;
  log: Log;
}

export interface SpoolCounts {
  frames: number;
  bytes: number;
  /** since the start: given up to make room, refused by the server, torn or alien */
  dropped: number;
  rejected: number;
  aside: number;
}

/**
 * Frames on disk until the server has them, one file each, whole or absent. Numbers rise strictly for the life of the device: across
 * restarts and power cuts by the folder itself (the highest number always has a file), after the loss of the folder by the
 * reservation, after the loss of both by the server: until it has told its `last_seq`, frames wait without a number.
 */
export class Spool implements Part {
  readonly #options: SpoolOptions;
  readonly #rejectedShelf: Shelf;
  readonly #asideShelf: Shelf;
  readonly #gap: GapReport;
  readonly #watchers = new Set<() => void>();
  #waiting: Entry[] = [];
  #unnumbered: Entry[] = [];
  #bytes = 0;
  #next = 0;
  #nextUnnumbered = 0;
  #mark: number | undefined;
  #settled = false;
  #held: number | undefined;
  #running = false;
  /** One change at a time: the order of numbers is the order of files. */
  readonly #turns = new Turns();
  #pendingBytes = 0;
  #dropped = 0;
  #rejected = 0;
  #aside = 0;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#rejectedShelf = new Shelf(join(options.folder, 'rejected'), REJECTED_LIMITS);
    this.#asideShelf = new Shelf(join(options.folder, 'aside'), ASIDE_LIMITS);
    this.#gap = new GapReport(options.clock, options.log);
  }

  /** Reads the folder: sweeps half-written files, sets torn and alien ones aside, finds the next number. */
  async start(): Promise<void> {
    if (this.#running) return;
    await ensureFolder(this.#options.folder);
    const found = await scanFolder(this.#options.folder);
    this.#waiting = found.waiting;
    this.#unnumbered = found.unnumbered;
    this.#nextUnnumbered = (found.unnumbered.at(-1)?.n ?? -1) + 1;
    this.#mark = found.mark;
    this.#bytes = [...found.waiting, ...found.unnumbered].reduce((sum, entry) => sum + entry.size, 0);
    for (const { name, why } of found.odd) await this.#setAside(name, why);
    this.#next = await this.#firstNumber(found.evidence);
    this.#running = true;
    if (this.#settled)
      await this.#quietly('number the waiting frames', () => this.#turns.take(() => this.#numberAll()));
    const { frames, bytes } = this.counts();
    this.#options.log.info('spool open', { frames, bytes, next: this.#next, settled: this.#settled });
  }

  /** Finishes what is being written and gives back the numbers reserved ahead. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await this.#turns.over();
    this.#gap.flush();
    if (this.#settled) await this.#quietly('release the numbers', () => this.#options.reservation.release(this.#next));
  }

  /** False until a number can be given: a device that lost its counter has to hear the server's `last_seq` first. */
  get settled(): boolean {
    return this.#settled;
  }

  /** The highest number given so far; -1 when none was. */
  get lastSeq(): number {
    return this.#next - 1;
  }

  /** What waits now, and what went wrong since the start. */
  counts(): SpoolCounts {
    return {
      frames: this.#waiting.length + this.#unnumbered.length,
      bytes: this.#bytes,
      dropped: this.#dropped,
      rejected: this.#rejected,
      aside: this.#aside,
    };
  }

  /** Calls after each change of what waits. */
  watch(onChange: () => void): Release {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  /**
   * Numbers the frame and puts it on disk; resolves when it is durable there. No number while the spool is not settled. The oldest
   * frames make room for it; throws `spool.full` when it fits not even then, or when more is handed in than the disk takes.
   */
  async add(frame: SpooledFrame): Promise<{ seq?: number }> {
    if (!this.#running) throw new AppError('spool.full', 'the spool is closed');
    const size = frame.jpeg.length;
    if (this.#pendingBytes + size > MAX_PENDING_BYTES) {
      throw new AppError('spool.full', 'the disk does not keep up: too many frames are waiting to be written');
    }
    this.#pendingBytes += size;
    try {
      return await this.#turns.take(() => this.#write(encodeFrame(frame)));
    } finally {
      this.#pendingBytes -= size;
    }
  }

  /**
   * The oldest numbered frame, held: it is not dropped for room until it was acknowledged, rejected or taken again. Torn ones are set
   * aside on the way. Undefined when none waits.
   */
  take(): Promise<{ seq: number; frame: SpooledFrame } | undefined> {
    return this.#turns.take(async () => {
      this.#held = undefined;
      for (let entry = this.#waiting[0]; entry !== undefined; entry = this.#waiting[0]) {
        const frame = decodeFrame(await this.#read(frameName(entry.n)));
        if (frame) {
          this.#held = entry.n;
          return { seq: entry.n, frame };
        }
        await this.#keepMark(entry);
        await this.#setAside(frameName(entry.n), 'torn or altered');
        this.#forget(entry);
      }
      return undefined;
    });
  }

  /** The server has it: the file goes. */
  acknowledge(seq: number): Promise<void> {
    return this.#turns.take(async () => {
      const entry = this.#waiting.find((waiting) => waiting.n === seq);
      if (entry) await this.#remove(entry);
    });
  }

  /** The server will never take it: the file goes to `rejected/`. */
  reject(seq: number): Promise<void> {
    return this.#turns.take(async () => {
      const entry = this.#waiting.find((waiting) => waiting.n === seq);
      if (!entry) return;
      await this.#keepMark(entry);
      const name = frameName(seq);
      await this.#quietly('keep a rejected frame', () => this.#rejectedShelf.put(this.#path(name), name));
      await rm(this.#path(name), { force: true });
      this.#rejected += 1;
      this.#forget(entry);
    });
  }

  /** Heard from the server: numbers go on above its `last_seq`, and frames without one get theirs. */
  settle(lastSeq: number): Promise<void> {
    return this.#turns.take(async () => {
      this.#next = Math.max(this.#next, lastSeq + 1);
      if (this.#settled) return;
      await this.#options.reservation.cover(this.#next);
      this.#settled = true;
      await this.#numberAll();
      this.#options.log.info('numbers go on above what the server knows', { last_seq: lastSeq, next: this.#next });
    });
  }

  /**
   * The server knows other frames under our numbers: the first waiting one becomes `lastSeq + 1`, and each further one moves up as
   * far as it must to keep the order. Answers how many moved. From the top down, so that a crash in between keeps the order too.
   */
  renumber(lastSeq: number): Promise<number> {
    return this.#turns.take(async () => {
      this.#held = undefined;
      const moves: { entry: Entry; to: number }[] = [];
      let floor = lastSeq + 1;
      for (const entry of this.#waiting) {
        const to = Math.max(entry.n, floor);
        if (to !== entry.n) moves.push({ entry, to });
        floor = to + 1;
      }
      const next = Math.max(this.#next, floor);
      await this.#options.reservation.cover(next);
      this.#next = next;
      for (const { entry, to } of moves.reverse()) {
        await rename(this.#path(frameName(entry.n)), this.#path(frameName(to)));
        entry.n = to;
      }
      await syncFolder(this.#options.folder);
      return moves.length;
    });
  }

  // ---- inside a turn -------------------------------------------------------------------------------------------------------

  async #write(bytes: Buffer): Promise<{ seq?: number }> {
    while (this.#bytes + bytes.length > this.#options.maxBytes) {
      if (!(await this.#dropOldest())) throw new AppError('spool.full', 'the frame is larger than the spool may be');
    }
    const numbered = this.#settled;
    let n = this.#nextUnnumbered;
    for (;;) {
      try {
        if (numbered) {
          await this.#numberAll();
          n = this.#next;
          await this.#options.reservation.cover(n);
        }
        await writeFileDurably(this.#path(numbered ? frameName(n) : newName(n)), bytes);
        break;
      } catch (cause) {
        const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '');
        if (full && (await this.#dropOldest())) continue;
        throw new AppError(full ? 'disk.full' : 'internal.error', `frame not spooled: ${String(cause)}`, {}, { cause });
      }
    }
    this.#bytes += bytes.length;
    if (numbered) {
      this.#next = n + 1;
      this.#waiting.push({ n, size: bytes.length });
    } else {
      this.#nextUnnumbered = n + 1;
      this.#unnumbered.push({ n, size: bytes.length });
    }
    this.#tell();
    return numbered ? { seq: n } : {};
  }

  async #dropOldest(): Promise<boolean> {
    const unnumbered = this.#unnumbered[0];
    const entry = this.#waiting.find((waiting) => waiting.n !== this.#held);
    if (entry) {
      await this.#remove(entry);
      this.#gap.add(entry.n);
    } else if (unnumbered) {
      await rm(this.#path(newName(unnumbered.n)), { force: true });
      this.#forget(unnumbered);
      this.#gap.add(undefined);
    } else return false;
    this.#dropped += 1;
    return true;
  }

  /** Takes a numbered frame off the disk; when it holds the highest number, its emptied file stays as the mark. */
  async #remove(entry: Entry): Promise<void> {
    const path = this.#path(frameName(entry.n));
    await this.#quietly('delete a frame', async () => {
      if (entry !== this.#waiting.at(-1)) return rm(path, { force: true });
      const marked = this.#path(lastName(entry.n));
      await rename(path, marked);
      await truncate(marked);
      await this.#moveMark(entry.n);
    });
    this.#forget(entry);
  }

  /** Before a file leaves in another way than by `#remove`. */
  async #keepMark(entry: Entry): Promise<void> {
    if (entry !== this.#waiting.at(-1)) return;
    await this.#quietly('write the mark', () => writeFileDurably(this.#path(lastName(entry.n)), ''));
    await this.#moveMark(entry.n);
  }

  async #moveMark(n: number): Promise<void> {
    if (this.#mark !== undefined && this.#mark !== n) await rm(this.#path(lastName(this.#mark)), { force: true });
    this.#mark = n;
  }

  #forget(entry: Entry): void {
    for (const list of [this.#waiting, this.#unnumbered]) {
      const index = list.indexOf(entry);
      if (index < 0) continue;
      list.splice(index, 1);
      this.#bytes -= entry.size;
      if (list === this.#waiting && this.#held === entry.n) this.#held = undefined;
    }
    this.#tell();
  }

  async #numberAll(): Promise<void> {
    if (this.#unnumbered.length === 0) return;
    await this.#options.reservation.cover(this.#next + this.#unnumbered.length);
    for (const entry of [...this.#unnumbered]) {
      await rename(this.#path(newName(entry.n)), this.#path(frameName(this.#next)));
      this.#unnumbered.shift();
      this.#waiting.push({ n: this.#next, size: entry.size });
      this.#next += 1;
    }
    await syncFolder(this.#options.folder);
    this.#tell();
  }

  // ---- small -----------------------------------------------------------------------------------------------------------------

  /** The folder's word on the numbers used, or the reservation's where the folder was lost. Settled when either speaks. */
  async #firstNumber(evidence: number): Promise<number> {
    let bound: number | undefined;
    try {
      bound = await this.#options.reservation.read();
    } catch (error) {
      this.#options.log.error('the counter file cannot be read', { error });
    }
    this.#settled = evidence >= 0 || bound !== undefined;
    // A number from before the last block means that somebody emptied the folder by hand.
    const trusted = bound === undefined || evidence >= bound - this.#options.reservation.block - 1;
    return evidence >= 0 && trusted ? evidence + 1 : Math.max(bound ?? 0, evidence + 1);
  }

  async #setAside(name: string, why: string): Promise<void> {
    this.#aside += 1;
    this.#options.log.warn('file of the spool set aside', { file: name, why });
    await this.#quietly('set a file aside', () => this.#asideShelf.put(this.#path(name), name));
  }

  async #read(name: string): Promise<Buffer> {
    try {
      return await readFile(this.#path(name));
    } catch (error) {
      this.#options.log.error('a spooled frame cannot be read', { file: name, error });
      return Buffer.alloc(0);
    }
  }

  /** For what makes things tidy but must not stop frames. */
  async #quietly(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn(`could not ${what}`, { error });
    }
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }
}
