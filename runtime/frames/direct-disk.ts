import { constants, type FileHandle, open } from 'node:fs/promises';
import { type SegmentDisk, type SegmentFile, segmentDisk, segmentPath, writeAll } from './segment-files.ts';

/** Places, lengths and memory of direct writes are whole pages: that suits sectors of 512 and of 4096 bytes (open(2), O_DIRECT). */
const BLOCK_BYTES = 4096;
const WASM_PAGE_BYTES = 64 * 1024;
/** At 10 frames of 100 KB a second, what came in within the last four seconds. */
const MEMORY_BYTES = 4 * 1024 * 1024;

/**
 * The real disk, past the system's page cache (O_DIRECT). The copy of a frame of 100 KB into fresh pages and its part of the sync cost 120
 * to 200 µs of CPU, this costs 20 to 30 (decision 0040); and frames, which are read once if at all, push nothing else out of memory. What was
 * written last stays in memory of our own for whoever reads it soon, as analysis does. Where a file system takes no direct writes (tmpfs
 * before Linux 6.6, some network and FUSE ones, other systems than Linux) it is written as by `segmentDisk`. For one store: the file that
 * was made last has the memory.
 */
export function directDisk(): SegmentDisk {
  // Buffers begin anywhere; memory of WebAssembly begins at a page.
  const pages = MEMORY_BYTES / WASM_PAGE_BYTES;
  const memory = Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
  return {
    ...segmentDisk,
    blockBytes: BLOCK_BYTES,
    async create(folder, segment) {
      const plain = await segmentDisk.create(folder, segment);
      if (constants.O_DIRECT === undefined) return plain;
      try {
        const handle = await open(segmentPath(folder, segment), constants.O_WRONLY | constants.O_DIRECT);
        return new DirectFile(handle, plain, memory);
      } catch {
        // Whatever is the matter with it: the file is there and can be written as ever.
        return plain;
      }
    },
  };
}

/** A file that is written directly, by way of memory in which place `n` of the file is place `n` modulo its length. */
class DirectFile implements SegmentFile {
  readonly #handle: FileHandle;
  readonly #plain: SegmentFile;
  readonly #memory: Buffer;
  #isDirect = true;
  /** the part of the file that is in memory, and on disk */
  #from = 0;
  #to = 0;

  constructor(handle: FileHandle, plain: SegmentFile, memory: Buffer) {
    this.#handle = handle;
    this.#plain = plain;
    this.#memory = memory;
  }

  async write(buffers: Buffer[], position: number): Promise<void> {
    if (this.#isDirect) {
      try {
        await this.#writeDirectly(buffers, position);
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#isDirect = false;
      }
    }
    this.#from = this.#to = 0;
    await this.#plain.write(buffers, position);
  }

  recent(offset: number, length: number): Buffer | undefined {
    const end = Math.min(offset + length, this.#to);
    if (offset < this.#from || offset >= end) return undefined;
    const bytes = Buffer.allocUnsafe(end - offset);
    const start = offset % this.#memory.length;
    const first = this.#memory.copy(bytes, 0, start);
    this.#memory.copy(bytes, first);
    return bytes;
  }

  datasync(): Promise<void> {
    return this.#plain.datasync();
  }

  truncate(length: number): Promise<void> {
    return this.#plain.truncate(length);
  }

  async close(): Promise<void> {
    await Promise.all([this.#handle.close(), this.#plain.close()]);
  }

  async #writeDirectly(buffers: Buffer[], position: number): Promise<void> {
    // A batch that failed half done comes again to the same place.
    if (position !== this.#to) this.#from = this.#to = position;
    const size = this.#memory.length;
    const end = buffers.reduce((sum, { length }) => sum + length, position);
    const pour = pourer(buffers);
    while (this.#to < end) {
      const start = this.#to % size;
      const length = Math.min(size - start, end - this.#to);
      this.#from = Math.max(this.#from, this.#to + length - size);
      const piece = this.#memory.subarray(start, start + length);
      pour(piece);
      await writeAll(this.#handle, [piece], this.#to);
      this.#to += length;
    }
  }
}

/** Fills one piece of memory after the other with what the buffers hold. */
function pourer(buffers: readonly Buffer[]): (into: Buffer) => void {
  let index = 0;
  let taken = 0;
  return (into) => {
    let filled = 0;
    for (let buffer = buffers[index]; buffer && filled < into.length; buffer = buffers[index]) {
      const copied = buffer.copy(into, filled, taken);
      filled += copied;
      taken += copied;
      if (taken < buffer.length) return;
      index += 1;
      taken = 0;
    }
  };
}

function isRefusal(error: unknown): boolean {
  return ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '');
}
