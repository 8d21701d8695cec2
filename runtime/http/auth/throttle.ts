import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';

const FORGET_AFTER_MS = 15 * 60_000;
const MAX_KEYS = 10_000;

/** How often something may fail before it has to wait, and how long at most. */
export interface Limit {
  key: string;
  freeTries: number;
  maxDelayS: number;
}

/**
 * What a login counts against: the user from that address, the address, and the user from anywhere. The last one only slows guessing
 * from many addresses down: with a long delay there a stranger could keep the owner out for ever. Without an address (the flow editor
 * does not tell it) the delay stays short for the same reason.
 */
export function limitsOf(login: string, ip: string | undefined): Limit[] {
  const user = login.toLowerCase().slice(0, 254);
  const anywhere = { key: `user ${user}`, freeTries: 50, maxDelayS: 5 };
  if (ip === undefined) return [{ key: `user ${user} from nowhere`, freeTries: 5, maxDelayS: 5 }, anywhere];
  return [
    { key: `user ${user} from ${ip}`, freeTries: 5, maxDelayS: 60 },
    { key: `from ${ip}`, freeTries: 20, maxDelayS: 60 },
    anywhere,
  ];
}

/** Growing delay for failed logins: some tries are free, then 1, 2, 4 … seconds between two, up to the limit's most. Never a lock. */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { count: number; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `auth.too_many_tries` with the seconds to wait. */
  check(limits: readonly Limit[]): void {
    const now = this.#clock.monotonicMs();
    for (const { key, freeTries, maxDelayS } of limits) {
      const failure = this.#failures.get(key);
      if (!failure || failure.count < freeTries) continue;
      const delayS = Math.min(maxDelayS, 2 ** Math.min(30, failure.count - freeTries));
      const leftS = Math.ceil((failure.at + delayS * 1000 - now) / 1000);
      if (leftS > 0) {
        throw new AppError('auth.too_many_tries', `too many failed logins; try again in ${leftS} s`, {
          retryAfterS: leftS,
        });
      }
    }
  }

  failed(limits: readonly Limit[]): void {
    const now = this.#clock.monotonicMs();
    for (const [key, failure] of this.#failures) {
      if (this.#failures.size < MAX_KEYS && now - failure.at < FORGET_AFTER_MS) break;
      this.#failures.delete(key);
    }
    for (const { key } of limits) {
      const count = (this.#failures.get(key)?.count ?? 0) + 1;
      // Deleted and set again, so that the map stays ordered by the last failure.
      this.#failures.delete(key);
      this.#failures.set(key, { count, at: now });
    }
  }

  /** Forgets the failures of this user from this address; what others did elsewhere still counts. */
  succeeded(limits: readonly Limit[]): void {
    const [own] = limits;
    if (own) this.#failures.delete(own.key);
  }
}
