import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '../contracts/errors.ts';

interface Mark {
  open: boolean;
}

/**
 * Catches a question to the whole database from inside a transaction. On the embedded database it would wait for itself for ever,
 * on PostgreSQL it would see other rows than the transaction does; so both refuse it at once.
 */
export class InsideTransaction {
  readonly #marks = new AsyncLocalStorage<Mark>();

  /** Throws `internal.error` when the caller runs inside an open transaction of this database. */
  refuse(): void {
    if (this.#marks.getStore()?.open) {
      throw new AppError('internal.error', 'the database was asked inside a transaction: ask the transaction instead');
    }
  }

  /** Runs a transaction's work, marked; what the work started and left behind is free again once it has ended. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const mark: Mark = { open: true };
    try {
      return await this.#marks.run(mark, work);
    } finally {
      mark.open = false;
    }
  }
}
