import type { Clock } from '../../contracts/host.ts';
import type { AccessUnit } from '../../contracts/streams.ts';

/** About 100 Mbps, and what may go at once: what a home network and the socket's buffer take without loss. */
const BYTES_PER_MS = 12_500;
const BURST_BYTES = 96 * 1024;
const FULL_AFTER_MS = 2000;
const LEAST_PAUSE_MS = 2;

/**
 * Sends units in order: at once while there is little, and spread where much comes together, as the pictures since the last key frame
 * do when a viewer joins. All at once they would overrun the socket's buffer, and a player that lost them asks for a key frame again.
 */
export class PacedSender {
  readonly #clock: Clock;
  readonly #send: (unit: AccessUnit) => void;
  #queue: { unit: AccessUnit; atMs: number }[] = [];
  #cancel: (() => void) | undefined;
  /** below zero after a unit that was larger than what was left: paid off before the next one goes */
  #left = BURST_BYTES;
  #countedMs: number;

  constructor(clock: Clock, send: (unit: AccessUnit) => void) {
    this.#clock = clock;
    this.#send = send;
    this.#countedMs = clock.monotonicMs();
  }

  /** True when the oldest unit has waited for longer than a viewer would. */
  get isFull(): boolean {
    const oldest = this.#queue[0];
    return oldest !== undefined && this.#clock.monotonicMs() - oldest.atMs > FULL_AFTER_MS;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  push(unit: AccessUnit): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#queue.length === 0) {
      this.#earn(nowMs);
      // The usual case, for every viewer at every picture: nothing waits.
      if (this.#left > 0) {
        this.#spend(unit);
        return;
      }
    }
    this.#queue.push({ unit, atMs: nowMs });
    this.#wait();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue = [];
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #drain(): void {
    this.#earn(this.#clock.monotonicMs());
    while (this.#left > 0) {
      const next = this.#queue.shift();
      if (!next) return;
      this.#spend(next.unit);
    }
    if (this.#queue.length > 0) this.#wait();
  }

  #earn(nowMs: number): void {
    this.#left = Math.min(BURST_BYTES, this.#left + (nowMs - this.#countedMs) * BYTES_PER_MS);
    this.#countedMs = nowMs;
  }

  #spend(unit: AccessUnit): void {
    this.#left -= unit.annexB.length;
    this.#send(unit);
  }

  #wait(): void {
    const pauseMs = Math.max(LEAST_PAUSE_MS, -this.#left / BYTES_PER_MS);
    this.#cancel ??= this.#clock.after(pauseMs, () => {
      this.#cancel = undefined;
      this.#drain();
    });
  }
}
