const MOST = 200;
/** Steps of one kind that follow each other so fast are one: a drag, a held arrow key, a name being typed. */
const ONE_STEP_MS = 800;

interface Step<T> {
  state: T;
  kind: string;
  at: number;
}

/** States that can be gone back and forth through. States are never changed in place. */
export class History<T> {
  #past: Step<T>[] = [];
  #future: Step<T>[] = [];
  #last: { kind: string; at: number } | undefined;

  /** Remembers what was, before a change of this kind at the time `at` (ms). */
  note(before: T, kind: string, at: number): void {
    const goesOn = kind !== '' && this.#last?.kind === kind && at - this.#last.at < ONE_STEP_MS;
    if (!goesOn) this.#past = [...this.#past.slice(1 - MOST), { state: before, kind, at }];
    this.#future = [];
    this.#last = { kind, at };
  }

  /** What was before the latest change; undefined at the beginning. */
  undo(now: T): T | undefined {
    return this.#swap(this.#past, this.#future, now);
  }

  /** What was undone last; undefined when nothing was. */
  redo(now: T): T | undefined {
    return this.#swap(this.#future, this.#past, now);
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  clear(): void {
    this.#past = [];
    this.#future = [];
    this.#last = undefined;
  }

  #swap(from: Step<T>[], to: Step<T>[], now: T): T | undefined {
    const step = from.pop();
    if (step === undefined) return undefined;
    to.push({ ...step, state: now });
    this.#last = undefined;
    return step.state;
  }
}
