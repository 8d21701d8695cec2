import { AppError, toAppError } from '../contracts/errors.ts';
import type { Log, Release } from '../contracts/host.ts';
import { ensureFolder } from '../lib/files.ts';
import type { Part } from '../lib/part.ts';
import { Turns } from '../lib/turns.ts';
import { encodeHead, type RecordHeader, type StoredRecord } from './record.ts';
import { listSegments, type SegmentDisk, type SegmentFile, segmentDisk, segmentPath } from './segment-files.ts';
import { readRecord, recordIn, usualRecordBytes, walkSegment } from './segment-reader.ts';

const MIB = 1024 * 1024;

/** A place in the store: number of the segment file, byte offset in it. */
export interface Location {
  segment: number;
  offset: number;
}

export interface NewRecord {
  header: RecordHeader;
  jpeg: Buffer;
  /** crc32 of the picture */
  crc: number;
}

export interface WrittenBatch {
  /** where each record went, in the order given */
  locations: Location[];
  /** the first place behind the batch */
  end: Location;
  /** To be called once the rows are committed or given up: until then the segment cannot be deleted. */
  settle: Release;
}

export interface ReplayCounts {
  records: number;
  /** records that are there but not as they were written */
  damaged: number;
  /** segments that end in the middle of a record */
  torn: number;
}

export interface SegmentInfo {
  segment: number;
  /** bytes */
  size: number;
  /** nothing will be written to it any more, and no rows for it are under way */
  closed: boolean;
}

export interface SegmentStoreOptions {
  folder: string;
  log: Log;
  /** a batch that would make the file longer goes into a new one */
  segmentBytes?: number;
  /** with less than this free on the disk no frame is taken, so that the rest of the server goes on working; 0: no check */
  minFreeBytes?: number;
  disk?: SegmentDisk;
}

/**
 * Append-only files of frames. A batch is one write and one fdatasync; when `append` resolves, its bytes survive a power cut. A file
 * whose sync failed is never written again, and neither is one from before a restart: its end may be torn. Whole files are what
 * retention deletes. One process per folder (the data folder is locked).
 */
export class SegmentStore implements Part {
  readonly #folder: string;
  readonly #log: Log;
  readonly #segmentBytes: number;
  readonly #minFreeBytes: number;
  readonly #disk: SegmentDisk;
  readonly #unsettled = new Map<number, number>();
  #open: { file: SegmentFile; segment: number; size: number } | undefined;
  #last = 0;
  readonly #turns = new Turns();
  #trouble: string | undefined;
  #unchecked = Number.POSITIVE_INFINITY;

  constructor(options: SegmentStoreOptions) {
    this.#folder = options.folder;
    this.#log = options.log;
    this.#segmentBytes = options.segmentBytes ?? 64 * MIB;
    this.#minFreeBytes = options.minFreeBytes ?? 64 * MIB;
    this.#disk = options.disk ?? segmentDisk;
  }

  /** Makes the folder where it is missing and finds out which numbers are taken. */
  async start(): Promise<void> {
    await ensureFolder(this.#folder, 0o750);
    for (const { segment } of await listSegments(this.#folder)) this.numbersAbove(segment);
  }

  /** Waits for the batch under way and closes the file. */
  async stop(): Promise<void> {
    await this.#turns.take(() => this.#close());
  }

  /** New segments get higher numbers than this one: the database may know some that are no longer on disk. */
  numbersAbove(segment: number): void {
    this.#last = Math.max(this.#last, segment);
  }

  /**
   * Appends records and resolves once they are durable. Throws `disk.full` or `disk.failed`; then none of them counts as stored,
   * and the next call tries anew.
   */
  append(records: readonly NewRecord[]): Promise<WrittenBatch> {
    return this.#turns.take(async () => {
      try {
        const batch = await this.#append(records);
        this.#trouble = undefined;
        return batch;
      } catch (cause) {
        const error = diskError(cause);
        if (this.#trouble !== error.message) this.#log.error('frames cannot be written', { error: cause });
        this.#trouble = error.message;
        throw error;
      }
    });
  }

  /** The record at a place; throws `capture.bytes_gone`. `pictureBytes` saves a second read. */
  async read(at: Location, pictureBytes: number): Promise<StoredRecord> {
    const { file, segment } = this.#open ?? {};
    const recent = segment === at.segment ? file?.recent?.(at.offset, usualRecordBytes(pictureBytes)) : undefined;
    const record = recent && recordIn(recent);
    return record ?? (await readRecord(segmentPath(this.#folder, at.segment), at.offset, pictureBytes));
  }

  /**
   * Calls back with every record from a place on (or from the beginning), oldest first, one after the other, once it is durable: a killed
   * process may have written what it never synced. A torn end of a segment is passed over to the next segment. To be used before the
   * first `append`.
   */
  async replay(
    from: Location | undefined,
    onRecord: (record: StoredRecord, at: Location, end: Location) => Promise<void>,
  ): Promise<ReplayCounts> {
    const counts: ReplayCounts = { records: 0, damaged: 0, torn: 0 };
    for (const { segment, size } of await listSegments(this.#folder)) {
      if (from && segment < from.segment) continue;
      const start = from?.segment === segment ? from.offset : 0;
      if (start > size) this.#log.error('a segment is shorter than it was', { segment, size, expected: start });
      if (size > start) await this.#syncEarlier(segment);
      for await (const step of walkSegment(segmentPath(this.#folder, segment), start)) {
        const at = { segment, offset: step.offset };
        if (step.kind === 'record') {
          counts.records += 1;
          await onRecord(step.record, at, { segment, offset: step.end });
        } else {
          counts[step.kind] += 1;
          this.#log.warn(`a ${step.kind} record in a segment`, { ...at, bytes: step.end - step.offset });
        }
      }
    }
    return counts;
  }

  /** The segments on disk, oldest first. */
  async segments(): Promise<SegmentInfo[]> {
    const found = await listSegments(this.#folder);
    return found.map((info) => ({ ...info, closed: this.#isClosed(info.segment) }));
  }

  /** Deletes a closed segment with everything in it; answers false where it is not closed or not there. */
  async remove(segment: number): Promise<boolean> {
    if (!this.#isClosed(segment)) return false;
    try {
      await this.#disk.remove(this.#folder, segment);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Why the last batch could not be written; undefined when it could. */
  trouble(): string | undefined {
    return this.#trouble;
  }

  /** A disk that cannot sync what is there says so; the records are taken all the same, since some may have been promised long ago. */
  async #syncEarlier(segment: number): Promise<void> {
    try {
      await this.#disk.sync(this.#folder, segment);
    } catch (error) {
      this.#log.error('what an earlier process wrote cannot be made durable', { segment, error });
    }
  }

  async #append(records: readonly NewRecord[]): Promise<WrittenBatch> {
    const buffers: Buffer[] = [];
    const starts: number[] = [];
    let bytes = 0;
    for (const [index, { header, jpeg, crc }] of records.entries()) {
      let head = encodeHead(header, jpeg.length, crc);
      if (index === records.length - 1) {
        // The batch ends where a block ends.
        const blanks = -(bytes + head.length + jpeg.length) & (this.#disk.blockBytes - 1);
        if (blanks > 0) head = encodeHead(header, jpeg.length, crc, blanks);
      }
      starts.push(bytes);
      buffers.push(head, jpeg);
      bytes += head.length + jpeg.length;
    }
    await this.#checkSpace(bytes);
    const open = await this.#room(bytes);
    const { segment, size } = open;
    await this.#write(open, buffers);
    open.size += bytes;
    this.#unsettled.set(segment, (this.#unsettled.get(segment) ?? 0) + 1);
    return {
      locations: starts.map((start) => ({ segment, offset: size + start })),
      end: { segment, offset: open.size },
      settle: this.#settler(segment),
    };
  }

  async #write(open: { file: SegmentFile; segment: number; size: number }, buffers: Buffer[]): Promise<void> {
    try {
      await open.file.write(buffers, open.size);
    } catch (error) {
      // What was synced before is whole; only if the rest can be cut off may the file be used again.
      await open.file.truncate(open.size).catch((cause: unknown) => this.#abandon('truncate', cause));
      throw error;
    }
    try {
      await open.file.datasync();
    } catch (error) {
      // After a failed sync the kernel may call lost pages clean: a second sync that succeeds would prove nothing.
      await this.#abandon('datasync', error);
      throw error;
    }
  }

  /** The open segment, or a new one where the batch would not fit. */
  async #room(bytes: number): Promise<{ file: SegmentFile; segment: number; size: number }> {
    if (this.#open && this.#open.size > 0 && this.#open.size + bytes > this.#segmentBytes) await this.#close();
    if (!this.#open) {
      const segment = this.#last + 1;
      this.#last = segment;
      this.#open = { file: await this.#disk.create(this.#folder, segment), segment, size: 0 };
    }
    return this.#open;
  }

  async #checkSpace(bytes: number): Promise<void> {
    if (this.#minFreeBytes === 0) return;
    this.#unchecked += bytes;
    if (this.#unchecked < this.#minFreeBytes / 4) return;
    const free = await this.#disk.freeBytes(this.#folder);
    if (free < this.#minFreeBytes + bytes) {
      this.#unchecked = Number.POSITIVE_INFINITY;
      throw Object.assign(new Error(`${Math.round(free / MIB)} MiB are free`), { code: 'ENOSPC' });
    }
    this.#unchecked = 0;
  }

  async #abandon(step: string, error: unknown): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    this.#log.error('a segment is given up after an error', { segment: open.segment, step, error });
    await open.file.close().catch((cause: unknown) => this.#log.warn('closing it failed too', { error: cause }));
    if (open.size > 0) return;
    await this.#disk
      .remove(this.#folder, open.segment)
      .catch((cause: unknown) => this.#log.warn('an empty segment stays', { segment: open.segment, error: cause }));
  }

  async #close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }

  #settler(segment: number): Release {
    let settled = false;
    return () => {
      if (settled) return;
      settled = true;
      const left = (this.#unsettled.get(segment) ?? 1) - 1;
      if (left > 0) this.#unsettled.set(segment, left);
      else this.#unsettled.delete(segment);
    };
  }

  #isClosed(segment: number): boolean {
    return this.#open?.segment !== segment && !this.#unsettled.has(segment) && segment <= this.#last;
  }
}

function diskError(cause: unknown): AppError {
  if (cause instanceof AppError) return toAppError(cause);
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('disk.full', 'the disk for frames is full', { retryAfterS: 30 }, { cause });
  }
  return new AppError(
    'disk.failed',
    `the disk for frames fails (${code ?? 'unknown'})`,
    { retryAfterS: 30 },
    { cause },
  );
}
