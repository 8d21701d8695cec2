import type { Clock } from '../contracts/host.ts';

/** More than this between two clocks is no drift (a clock that is set right slowly gains 2 s an hour). */
const TOLERANCE_MS = 60_000;
/** Servers and databases on different machines. */
const BETWEEN_MACHINES_MS = 120_000;
/** A nightly run counts as recent the next night. */
const RECENT_MS = 26 * 3_600_000;

/** A moment by both of a process' clocks. */
export interface Moment {
  wall: number;
  monotonic: number;
}

/** Compares the wall clock with the monotonic one, which never jumps; `look` is to be called every minute or so. */
export class ClockWatch {
  readonly #clock: Clock;
  #last: Moment;
  #jumpedAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = this.moment();
  }

  moment(): Moment {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonicMs() };
  }

  /** Notes a jump since the last look. */
  look(): void {
    if (!this.passedEvenly(this.#last)) this.#jumpedAt = this.#clock.monotonicMs();
    this.#last = this.moment();
  }

  /** Ms without a jump; for a process that never saw one, infinitely many. */
  steadyMs(): number {
    return this.#jumpedAt === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() - this.#jumpedAt;
  }

  /** Tells whether both clocks have gone on alike since then. */
  passedEvenly(since: Moment): boolean {
    const now = this.moment();
    return Math.abs(now.wall - since.wall - (now.monotonic - since.monotonic)) <= TOLERANCE_MS;
  }

  isRecent(since: Moment): boolean {
    return this.#clock.monotonicMs() - since.monotonic <= RECENT_MS;
  }
}

/** What the clocks are worth. */
export interface JudgedTime {
  /** epoch ms to count ages from: the earlier of the two clocks, by which less is old */
  now: number;
  /** why ages may be wrong, in words; empty when every clock agrees */
  doubts: string[];
}

/** Holds the process' clock against the database's and the newest frame. */
export function judgeTime(processNow: number, database: { now: number; newest: number | undefined }): JudgedTime {
  const doubts: string[] = [];
  const apart = Math.abs(processNow - database.now);
  if (apart > BETWEEN_MACHINES_MS) {
    doubts.push(`the clocks of server and database are ${inWords(apart)} apart; the earlier one counts`);
  }
  const now = Math.min(processNow, database.now);
  if (database.newest !== undefined && database.newest > now + BETWEEN_MACHINES_MS) {
    doubts.push(`the newest frame came in ${inWords(database.newest - now)} after now: the clock was or is wrong`);
  }
  return { now, doubts };
}

/** A span of time for people. */
export function inWords(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours < 1) return `${Math.round(ms / 60_000)} minutes`;
  return hours < 48 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`;
}
