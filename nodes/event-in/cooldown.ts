import type { Clock } from '../../runtime/contracts/host.ts';

/** Lets one of a kind pass, then none of that kind for a while. */
export class Cooldown {
  readonly #clock: Clock;
  readonly #ms: number;
  readonly #last = new Map<string, number>();

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#ms = ms;
  }

  passes(kind: string): boolean {
    const now = this.#clock.monotonicMs();
    const last = this.#last.get(kind);
    if (last !== undefined && now - last < this.#ms) return false;
    this.#last.set(kind, now);
    return true;
  }
}
