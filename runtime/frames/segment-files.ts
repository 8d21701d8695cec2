import { type FileHandle, open, readdir, stat, statfs, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ifThere, syncFolder } from '../lib/files.ts';

/** A segment that is being written. */
export interface SegmentFile {
  /** Writes all buffers at this position, in one call where the system takes them whole. */
  write(buffers: Buffer[], position: number): Promise<void>;
  /** Resolves once what was written survives a power cut. */
  datasync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
  /** A copy of up to so many bytes from there, when all up to the end of what is written, or so many, are still in memory. */
  recent?(offset: number, length: number): Buffer | undefined;
}

/** What the store asks of the disk; tests put a failing one in its place. */
export interface SegmentDisk {
  /** Places and lengths of writes are multiples of it. */
  readonly blockBytes: number;
  /** Makes a new file; its name is durable when this resolves. */
  create(folder: string, segment: number): Promise<SegmentFile>;
  /** Makes durable what an earlier process wrote to this file. */
  sync(folder: string, segment: number): Promise<void>;
  remove(folder: string, segment: number): Promise<void>;
  /** bytes that may still be written there */
  freeBytes(folder: string): Promise<number>;
}

const NAME = /^(\d{12})\.seg$/;

/** Path of a segment file. */
export function segmentPath(folder: string, segment: number): string {
  return join(folder, `${String(segment).padStart(12, '0')}.seg`);
}

/** The segments of a folder with their sizes in bytes, oldest first; one that is deleted meanwhile is left out. */
export async function listSegments(folder: string): Promise<{ segment: number; size: number }[]> {
  const found: { segment: number; size: number }[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const number = NAME.exec(name)?.[1];
    if (number === undefined) continue;
    const file = await ifThere(() => stat(join(folder, name)));
    if (file) found.push({ segment: Number(number), size: file.size });
  }
  return found;
}

/** The real disk. */
export const segmentDisk: SegmentDisk = {
  blockBytes: 1,
  async create(folder, segment) {
    const handle = await open(segmentPath(folder, segment), 'wx', 0o640);
    try {
      await syncFolder(folder);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return {
      write: (buffers, position) => writeAll(handle, buffers, position),
      datasync: () => handle.datasync(),
      truncate: (length) => handle.truncate(length),
      close: () => handle.close(),
    };
  },
  async sync(folder, segment) {
    const handle = await open(segmentPath(folder, segment), 'r+');
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
  },
  async remove(folder, segment) {
    await unlink(segmentPath(folder, segment));
    await syncFolder(folder);
  },
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
};

/** Writes all of the buffers, however many calls the system needs for them. */
export async function writeAll(handle: FileHandle, buffers: Buffer[], position: number): Promise<void> {
  let at = position;
  let rest = buffers;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev(rest, at);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
    at += bytesWritten;
    rest = behind(rest, bytesWritten);
  }
}

/** What is left of the buffers after so many bytes. */
function behind(buffers: Buffer[], written: number): Buffer[] {
  let skip = written;
  for (const [index, buffer] of buffers.entries()) {
    if (skip < buffer.length) return [buffer.subarray(skip), ...buffers.slice(index + 1)];
    skip -= buffer.length;
  }
  return [];
}
