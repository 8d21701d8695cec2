import type { Log } from '../../contracts/host.ts';
import type { AccessUnit, AudioUnit, StreamFormat, StreamReader } from '../../contracts/streams.ts';

/** One reader's place in a hub: what it was told, what it misses. Whatever the reader throws ends here, and its seat with it. */
export class ReaderSeat {
  readonly #reader: StreamReader;
  readonly #log: Log;
  readonly #onBroken: (seat: ReaderSeat) => void;
  #told: number | undefined;
  /** waits for a key frame: at first, after a gap, and after units were left out */
  #wantsKey = true;
  #isBehind = false;
  #open = true;
  /** false until its replay was given */
  isSeated = false;
  discarded = 0;

  constructor(reader: StreamReader, log: Log, onBroken: (seat: ReaderSeat) => void) {
    this.#reader = reader;
    this.#log = log;
    this.#onBroken = onBroken;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  video(unit: AccessUnit, format: StreamFormat): void {
    if (!this.#open) return;
    // Without a closure: this runs for each reader at each picture.
    try {
      this.#video(unit, format);
    } catch (error) {
      this.#fail(error);
    }
  }

  audio(unit: AudioUnit, format: StreamFormat): void {
    if (this.#wantsKey || this.#told !== format.generation) return;
    this.#call(() => {
      if (!this.#reader.isFull?.()) this.#reader.onAudio?.(unit);
    });
  }

  gap(reason: string): void {
    this.#wantsKey = true;
    this.#isBehind = false;
    this.#call(() => this.#reader.onGap?.(reason));
  }

  end(): void {
    this.#call(() => this.#reader.onEnd?.());
    this.#open = false;
  }

  leave(): void {
    this.#open = false;
  }

  #video(unit: AccessUnit, format: StreamFormat): void {
    const reader = this.#reader;
    if (reader.isFull?.()) {
      this.#wantsKey = true;
      this.#isBehind = true;
    } else if (unit.isKey) {
      this.#wantsKey = false;
      this.#isBehind = false;
    }
    if (this.#wantsKey) {
      if (this.#isBehind) this.discarded += 1;
      return;
    }
    if (this.#told !== format.generation) {
      this.#told = format.generation;
      reader.onFormat(format);
    }
    if (this.#open) reader.onVideo(unit);
  }

  #call(run: () => void): void {
    if (!this.#open) return;
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#open = false;
    this.#log.warn('a reader of the stream failed and was detached', { error });
    this.#onBroken(this);
  }
}
