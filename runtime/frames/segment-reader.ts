import { type FileHandle, open } from 'node:fs/promises';
import { AppError } from '../contracts/errors.ts';
import { decodePrefix, decodeRecord, PREFIX_BYTES, recordLength, type StoredRecord } from './record.ts';

/** Bytes that are read from the disk at a time. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** A header is nearly always shorter than this, blanks up to the end of a block included, so that one read fetches the whole record. */
const USUAL_HEADER_BYTES = 1024 + 4096;

/** One step through a segment: a record, a damaged record that was stepped over, or the torn end. */
export type SegmentStep =
  | { kind: 'record'; record: StoredRecord; offset: number; end: number }
  | { kind: 'damaged'; offset: number; end: number }
  | { kind: 'torn'; offset: number; end: number };

/** Walks a segment file from an offset. What cannot be read as a record ends the walk with `torn`. */
export async function* walkSegment(path: string, from: number): AsyncGenerator<SegmentStep> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const window = new FileWindow(file, size);
    let offset = from;
    while (offset < size) {
      const prefix = decodePrefix(await window.read(offset, PREFIX_BYTES));
      const end = prefix ? offset + recordLength(prefix) : size;
      if (!prefix || end > size) {
        yield { kind: 'torn', offset, end: size };
        return;
      }
      const record = decodeRecord(prefix, await window.read(offset, end - offset));
      yield record ? { kind: 'record', record, offset, end } : { kind: 'damaged', offset, end };
      offset = end;
    }
  } finally {
    await file.close();
  }
}

/**
 * Reads the record at an offset and checks it. `pictureBytes` is how large its picture is thought to be. Throws
 * `capture.bytes_gone` where file or record are missing or damaged.
 */
export async function readRecord(path: string, offset: number, pictureBytes: number): Promise<StoredRecord> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw gone('the file that held the picture is gone', 'missing', cause);
  });
  try {
    const first = await readUpTo(file, offset, usualRecordBytes(pictureBytes));
    const prefix = decodePrefix(first);
    if (!prefix) throw gone('the picture is not where it was stored', 'damaged');
    const length = recordLength(prefix);
    const whole = length <= first.length ? first : await readUpTo(file, offset, length);
    const record = whole.length < length ? undefined : decodeRecord(prefix, whole);
    if (!record) throw gone('the picture on disk is damaged', 'damaged');
    return record;
  } finally {
    await file.close();
  }
}

/** How many bytes from its beginning on nearly always hold a whole record with such a picture. */
export function usualRecordBytes(pictureBytes: number): number {
  return PREFIX_BYTES + USUAL_HEADER_BYTES + pictureBytes;
}

/** The record that these bytes begin with; undefined when it is not all there, or not as it was written. */
export function recordIn(bytes: Buffer): StoredRecord | undefined {
  const prefix = decodePrefix(bytes);
  return prefix && recordLength(prefix) <= bytes.length ? decodeRecord(prefix, bytes) : undefined;
}

/** A piece of a file in memory that moves along as it is read. */
class FileWindow {
  readonly #file: FileHandle;
  readonly #size: number;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  /** Up to `length` bytes from `offset`; fewer only at the end of the file. */
  async read(offset: number, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, this.#size);
    if (offset < this.#start || end > this.#start + this.#bytes.length) {
      const wanted = Math.min(Math.max(length, WINDOW_BYTES), this.#size - offset);
      this.#bytes = await readUpTo(this.#file, offset, wanted);
      this.#start = offset;
    }
    return this.#bytes.subarray(offset - this.#start, end - this.#start);
  }
}

async function readUpTo(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function gone(message: string, reason: 'missing' | 'damaged', cause?: unknown): AppError {
  return new AppError('capture.bytes_gone', message, { reason }, { cause });
}
