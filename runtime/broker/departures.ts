/** So many are dealt with in one turn of the event loop: about a millisecond of work. */
const A_TURN = 8;

/**
 * The ends of connections, a few a turn of the event loop. When a network comes back or goes, all devices leave in the same moment: dealt with
 * in one turn, a thousand of them held up frames and live pictures for 110–150 ms (`soak --fleet`).
 */
export class Departures {
  #waiting: (() => void)[] = [];
  #left = A_TURN;
  #isTurnAwaited = false;

  /** Calls at once, or after those that wait already. `leave` must not throw. */
  add(leave: () => void): void {
    this.#awaitTurn();
    if (this.#left > 0) {
      this.#left -= 1;
      leave();
    } else {
      this.#waiting.push(leave);
    }
  }

  #awaitTurn(): void {
    if (this.#isTurnAwaited) return;
    this.#isTurnAwaited = true;
    setImmediate(() => {
      this.#isTurnAwaited = false;
      const due = this.#waiting.splice(0, A_TURN);
      this.#left = A_TURN - due.length;
      if (due.length > 0) this.#awaitTurn();
      for (const leave of due) leave();
    });
  }
}
