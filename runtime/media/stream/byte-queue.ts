/** Bytes in the pieces they came in; taken out in the pieces that are needed, each copied once. */
export class ByteQueue {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Takes the next `size` bytes into memory of their own; there must be so many. */
  take(size: number): Buffer {
    const taken = Buffer.allocUnsafe(size);
    let filled = 0;
    while (filled < size) {
      const [chunk] = this.#chunks;
      if (!chunk) throw new RangeError('more bytes were taken than there are');
      const part = chunk.subarray(0, size - filled);
      filled += part.copy(taken, filled);
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#length -= size;
    return taken;
  }
}
