import type { Clock } from '../../runtime/contracts/host.ts';
import type { Reservation } from '../spool/reservation.ts';

/**
 * The number of an MQTT connection: rises with each one for the life of the device, so that the farewell of an old connection, sent
 * late by a broker, is told from the state of the new one. Where the file was lost it goes on at the epoch seconds, which no counter
 * reaches.
 */
export class SessionNumber {
  readonly #reservation: Reservation;
  readonly #clock: Clock;
  #next: number | undefined;

  constructor(reservation: Reservation, clock: Clock) {
    this.#reservation = reservation;
    this.#clock = clock;
  }

  /** Resolves once it is durable that this number is used. */
  async next(): Promise<number> {
    this.#next ??= (await this.#reservation.read()) ?? Math.floor(this.#clock.now() / 1000);
    const session = this.#next;
    this.#next = session + 1;
    await this.#reservation.cover(session);
    return session;
  }

  /** The broker knows a higher number: a copy of this device, or a folder from a backup. */
  raise(seen: number): void {
    if (this.#next !== undefined) this.#next = Math.max(this.#next, seen + 1);
  }

  /** At a clean end: the next start goes on without a jump. */
  async release(): Promise<void> {
    if (this.#next !== undefined) await this.#reservation.release(this.#next);
  }
}
