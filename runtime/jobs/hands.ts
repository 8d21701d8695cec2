import type { Clock } from '../contracts/host.ts';
import type { JobHandle } from '../contracts/jobs.ts';

/** How a job left somebody's hands: `settled` by an answer of any kind, `expired` without one, `lost` with its lane. */
export type HandEnd = 'settled' | 'expired' | 'lost';

/** A job in hand. */
export interface Hand {
  ended: Promise<HandEnd>;
  end(how: HandEnd): void;
  /** Starts its time over. */
  renew(): void;
}

/** The jobs that this process has in hand, each with the time after which nobody is believed to work on it. */
export class Hands {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #hands = new Map<number, { epoch: number; hand: Hand }>();

  constructor(options: { clock: Clock; leaseMs: number }) {
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
  }

  /** Takes a job in hand; without an answer or a renewal it is `expired` after the lease's time. */
  take(job: JobHandle): Hand {
    const { promise, resolve } = Promise.withResolvers<HandEnd>();
    let cancel = () => {};
    const end = (how: HandEnd) => {
      cancel();
      if (this.#hands.get(job.id)?.hand === hand) this.#hands.delete(job.id);
      resolve(how);
    };
    const renew = () => {
      cancel();
      cancel = this.#clock.after(this.#leaseMs, () => end('expired'));
    };
    const hand: Hand = { ended: promise, end, renew };
    this.#hands.set(job.id, { epoch: job.epoch, hand });
    renew();
    return hand;
  }

  /** The hand that holds exactly this job of this epoch. */
  of(job: JobHandle): Hand | undefined {
    const entry = this.#hands.get(job.id);
    return entry?.epoch === job.epoch ? entry.hand : undefined;
  }
}
