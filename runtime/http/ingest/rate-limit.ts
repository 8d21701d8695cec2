import type { Clock } from '../../contracts/host.ts';

export interface RateLimit {
  /** requests a second that go on for ever */
  perSecond: number;
  /** requests that may come at once after a rest */
  burst: number;
}

/** A token bucket for each device. Only devices that showed their key get one, so the map stays as small as the fleet. */
export class DeviceRates {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(limit: RateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Counts a request: 0 when it may pass, else the seconds until the next one may. */
  wait(device: string): number {
    const { perSecond, burst } = this.#limit;
    const now = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(device) ?? { tokens: burst, at: now };
    this.#buckets.set(device, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    if (bucket.tokens < 1) return (1 - bucket.tokens) / perSecond;
    bucket.tokens -= 1;
    return 0;
  }
}
