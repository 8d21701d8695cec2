import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';

const FREE_TRIES = 5;
const MAX_DELAY_S = 60;
const FORGET_AFTER_MS = 15 * 60_000;
const MAX_KEYS = 10_000;

/**
 * Growing delay for failed logins, per user name and per address: five tries are free, then 1, 2, 4 … 60 s between two. Never a
 * permanent lock, so that nobody can shut the owner out.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `auth.too_many_tries` with the seconds to wait. */
  check(...keys: string[]): void {
    const now = this.#clock.monotonicMs();
    for (const key of keys) {
      const failure = this.#failures.get(key);
      if (!failure || failure.count < FREE_TRIES) continue;
      const delayS = Math.min(MAX_DELAY_S, 2 ** (failure.count - FREE_TRIES));
      const leftS = Math.ceil((failure.at + delayS * 1000 - now) / 1000);
      if (leftS > 0) {
        throw new AppError('auth.too_many_tries', `too many failed logins; try again in ${leftS} s`, {
          retryAfterS: leftS,
        });
      }
    }
  }

  failed(...keys: string[]): void {
    const now = this.#clock.monotonicMs();
    for (const [key, failure] of this.#failures) {
      if (this.#failures.size < MAX_KEYS && now - failure.at < FORGET_AFTER_MS) break;
      this.#failures.delete(key);
    }
    for (const key of keys) {
      const count = (this.#failures.get(key)?.count ?? 0) + 1;
      // Deleted and set again, so that the map stays ordered by the last failure.
      this.#failures.delete(key);
      this.#failures.set(key, { count, at: now });
    }
  }

  succeeded(...keys: string[]): void {
    for (const key of keys) this.#failures.delete(key);
  }
}
