import type { Writable } from 'node:stream';

/** What a pipe of Linux holds. */
const PIECE_BYTES = 64 * 1024;

/**
 * Bytes for a program, given in small pieces one after the other, so that it is known how far it has got. Left to itself a stream hands over
 * all that waits in one go (writev), and its count stands still until the last byte of that is taken: for minutes, on a slow line.
 */
export class PieceWriter {
  readonly #to: Writable;
  #queue: Buffer[] = [];
  #waiting = 0;
  #taken = 0;
  #isBusy = false;
  #isEnding = false;

  constructor(to: Writable) {
    this.#to = to;
  }

  /** bytes that it has not taken yet */
  get waiting(): number {
    return this.#waiting;
  }

  /** bytes that it has taken */
  get taken(): number {
    return this.#taken;
  }

  /** After the end, and once the other side is gone, nothing is kept. */
  write(bytes: Buffer): void {
    if (!this.#to.writable || this.#isEnding) return;
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#queue.push(bytes.subarray(at, at + PIECE_BYTES));
    this.#waiting += bytes.length;
    this.#next();
  }

  /** Closes it behind what waits. */
  end(): void {
    this.#isEnding = true;
    this.#next();
  }

  #next(): void {
    if (this.#isBusy) return;
    const piece = this.#queue.shift();
    if (!piece) {
      if (this.#isEnding) this.#to.end();
      return;
    }
    this.#isBusy = true;
    this.#to.write(piece, (error) => {
      this.#isBusy = false;
      if (error) {
        this.#queue = [];
        this.#waiting = 0;
        return;
      }
      this.#waiting -= piece.length;
      this.#taken += piece.length;
      this.#next();
    });
  }
}
