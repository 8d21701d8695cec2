import type { Clock } from '../../../runtime/contracts/host.ts';

/** So many ends within so short a time are a loop; who lives longer than that is no part of it. */
export const LOOP_ENDS = 3;
export const LOOP_WINDOW_MS = 5 * 60_000;
/** Flows that ran so long without an end have got over whatever it was. */
const STOOD_MS = 10 * 60_000;

/** Watches the flows that stood their probation: tells when they end again and again, and when they have run well for long. */
export class GoodWatch {
  readonly #clock: Clock;
  readonly #onLoop: (reason: string) => void;
  readonly #onStood: () => void;
  #ends: number[] = [];
  #cancel: (() => void) | undefined;

  constructor(options: { clock: Clock; onLoop: (reason: string) => void; onStood: () => void }) {
    this.#clock = options.clock;
    this.#onLoop = options.onLoop;
    this.#onStood = options.onStood;
  }

  /** A flow process was started. */
  started(): void {
    this.#cancel?.();
    this.#cancel = this.#clock.after(STOOD_MS, () => this.#onStood());
  }

  /** It ended, and nobody had asked it to. */
  ended(how: string): void {
    this.#cancel?.();
    const now = this.#clock.monotonicMs();
    this.#ends = [...this.#ends.filter((at) => now - at < LOOP_WINDOW_MS), now];
    if (this.#ends.length < LOOP_ENDS) return;
    this.#ends = [];
    this.#onLoop(`the flow process ended ${LOOP_ENDS} times within ${LOOP_WINDOW_MS / 60_000} minutes, last ${how}`);
  }

  /** Other flows run now: what was counted was about others. */
  forget(): void {
    this.#ends = [];
    this.#cancel?.();
  }
}
