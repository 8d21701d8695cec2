/** Work that must not overlap: one piece at a time, in the order asked for. A failure is its asker's alone. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Begins when all asked for before is over; answers as the work does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when all asked for so far is over. */
  async over(): Promise<void> {
    await this.#last;
  }
}
