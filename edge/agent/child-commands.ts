import { AppError } from '../../runtime/contracts/errors.ts';
import type { CommandFromChild, ToChild } from '../ipc.ts';
import type { CommandRun } from './commands.ts';

interface Call {
  resolve(data: unknown): void;
  reject(error: unknown): void;
  run: Pick<CommandRun, 'progress'>;
}

/** Commands that the child does: handed over by IPC, and answered from there. A child that ends has failed what it had in hand. */
export class ChildCommands {
  readonly #send: (message: ToChild) => void;
  readonly #isAlive: () => boolean;
  readonly #calls = new Map<number, Call>();
  #lastCall = 0;

  constructor(child: { send: (message: ToChild) => void; isAlive: () => boolean }) {
    this.#send = child.send;
    this.#isAlive = child.isAlive;
  }

  /** Has the child do it; throws `flows.stopped` without one, `command.interrupted` when it ends, or what the child says. */
  run(name: string, args: Record<string, unknown>, run: Pick<CommandRun, 'progress' | 'signal'>): Promise<unknown> {
    if (!this.#isAlive()) throw new AppError('flows.stopped', 'the process of the flows does not run');
    this.#lastCall += 1;
    const call = this.#lastCall;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#send({ type: 'command-cancel', call });
        this.#take(call)?.reject(run.signal.reason);
      };
      run.signal.addEventListener('abort', abort, { once: true });
      const over = () => run.signal.removeEventListener('abort', abort);
      this.#calls.set(call, {
        run,
        resolve: (data) => {
          over();
          resolve(data);
        },
        reject: (error) => {
          over();
          reject(error);
        },
      });
      this.#send({ type: 'command', call, name, args });
    });
  }

  hear(message: CommandFromChild): void {
    if (message.type === 'command-refusal')
      this.#take(message.call)?.reject(new AppError(message.code, message.message));
    else if (message.type === 'command-answer') this.#take(message.call)?.resolve(message.data);
    else this.#calls.get(message.call)?.run.progress(message.data);
  }

  /** The child ended. */
  gone(): void {
    for (const call of [...this.#calls.keys()])
      this.#take(call)?.reject(new AppError('command.interrupted', 'the process of the flows ended in the middle'));
  }

  #take(call: number): Call | undefined {
    const known = this.#calls.get(call);
    this.#calls.delete(call);
    return known;
  }
}
