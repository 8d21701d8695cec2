const SMALLEST_BITS = 14;
const LARGEST_BITS = 22;

/**
 * Memory for bodies of 16 KiB to 4 MiB, used again and again. Fresh memory for every body is what V8 answers with collections of its
 * whole heap, Node-RED's part of it too; see `lib/young-garbage.ts` for the figures. Buffers come in powers of two.
 */
export class BodyPool {
  readonly #idleLimit: number;
  readonly #idle = new Map<number, Buffer[]>();
  #idleBytes = 0;

  /** `idleBytes`: what is kept while nobody uses it; more is let go. */
  constructor(idleBytes = 8 * 1024 * 1024) {
    this.#idleLimit = idleBytes;
  }

  /** bytes kept for the next bodies */
  get idle(): number {
    return this.#idleBytes;
  }

  /** Memory for at least so many bytes, with whatever it held before. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    if (size === undefined) return Buffer.allocUnsafe(bytes);
    const buffer = this.#idle.get(size)?.pop();
    if (!buffer) return Buffer.allocUnsafeSlow(size);
    this.#idleBytes -= size;
    return buffer;
  }

  /** Takes back what `take` gave; from now on its bytes may change at any time. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (sizeFor(size) !== size || this.#idleBytes + size > this.#idleLimit) return;
    const idle = this.#idle.get(size);
    if (idle) idle.push(buffer);
    else this.#idle.set(size, [buffer]);
    this.#idleBytes += size;
  }
}

function sizeFor(bytes: number): number | undefined {
  if (bytes < 2 ** (SMALLEST_BITS - 1) || bytes > 2 ** LARGEST_BITS) return undefined;
  return 2 ** Math.max(SMALLEST_BITS, Math.ceil(Math.log2(bytes)));
}
