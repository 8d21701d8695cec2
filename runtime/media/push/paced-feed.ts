import type { Clock } from '../../contracts/host.ts';

/** The pictures since the last key frame go out so many times faster than they were taken. */
const SPEED = 4;
const TICK_MS = 20;

/**
 * Hands on what a connection begins with at a steady pace, and everything after it at once. Thrown at a socket in one go, the first
 * group of pictures makes the other side's buffer grow (to 1.1 MB, measured), and a frozen destination is felt seconds later.
 */
export class PacedFeed {
  readonly #clock: Clock;
  readonly #queue: { bytes: Buffer; ms: number }[] = [];
  #write: ((bytes: Buffer, ms: number) => void) | undefined;
  #beganMs = 0;
  #bytes = 0;
  #cancel = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** bytes that wait here */
  get waiting(): number {
    return this.#bytes;
  }

  /** `ms`: its time in the stream, which begins at 0 */
  push(bytes: Buffer, ms: number): void {
    if (this.#write && this.#queue.length === 0) {
      this.#write(bytes, ms);
      return;
    }
    this.#queue.push({ bytes, ms });
    this.#bytes += bytes.length;
  }

  /** There is somebody to hand it to now. */
  open(write: (bytes: Buffer, ms: number) => void): void {
    this.#write = write;
    this.#beganMs = this.#clock.monotonicMs();
    this.#release();
  }

  close(): void {
    this.#cancel();
    this.#queue.length = 0;
    this.#bytes = 0;
  }

  #release(): void {
    const dueMs = (this.#clock.monotonicMs() - this.#beganMs) * SPEED;
    let count = 0;
    for (const { bytes, ms } of this.#queue) {
      if (ms > dueMs) break;
      count += 1;
      this.#bytes -= bytes.length;
      this.#write?.(bytes, ms);
    }
    this.#queue.splice(0, count);
    if (this.#queue.length > 0) this.#cancel = this.#clock.after(TICK_MS, () => this.#release());
  }
}
