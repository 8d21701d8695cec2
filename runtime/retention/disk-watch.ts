import type { Clock, Log } from '../contracts/host.ts';
import type { RetentionReport } from '../contracts/retention.ts';
import { gigabytes } from './by-space.ts';

/** After deleting that did not help: somebody else fills the disk, or what was deleted is held elsewhere. */
const PAUSE_MS = 30 * 60_000;

export interface DiskWatchOptions {
  clock: Clock;
  log: Log;
  everyMs: number;
  minFreeBytes: number;
  freeBytes(): Promise<number>;
  /** called at each look */
  onLook(): void;
  makeRoom(): Promise<RetentionReport>;
}

/** Looks at the free disk every minute and has room made when it runs short, whether a flow does so or not. */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #cancel: (() => void) | undefined;
  #next: number | undefined;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#later();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#next = undefined;
  }

  /** epoch ms of the next look */
  nextLook(): number | undefined {
    return this.#next;
  }

  #later(): void {
    const { clock, everyMs } = this.#options;
    this.#next = clock.now() + everyMs;
    this.#cancel = clock.after(everyMs, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    const mine = this.#cancel;
    try {
      await this.#look();
    } catch (error) {
      this.#options.log.error('no room could be made on the disk', { error });
    }
    if (mine === this.#cancel) this.#later();
  }

  async #look(): Promise<void> {
    const { clock, log, minFreeBytes, freeBytes, makeRoom, onLook } = this.#options;
    onLook();
    if (minFreeBytes === 0 || clock.monotonicMs() < this.#pausedUntil) return;
    const free = await freeBytes();
    if (free >= minFreeBytes) return;
    log.warn('the disk runs short: the oldest frames are deleted now, without waiting for a flow', {
      free_bytes: free,
      min_free_bytes: minFreeBytes,
    });
    const { deleted, notes } = await makeRoom();
    const freed = deleted.segment_bytes + deleted.event_image_bytes;
    const now = await freeBytes();
    if (now >= minFreeBytes || (freed > 0 && now - free >= freed / 2)) return;
    this.#pausedUntil = clock.monotonicMs() + PAUSE_MS;
    log.error('deleting does not help against the full disk; the next try is in half an hour', {
      deleted: gigabytes(freed),
      free_before: free,
      free_bytes: now,
      notes,
    });
  }
}
