import { AppError, toAppError } from '../../runtime/contracts/errors.ts';
import type { CommandFromChild, ToChild } from '../ipc.ts';

export interface ChildCommandRun {
  /** ends when the command was given up: nobody hears the answer any more */
  signal: AbortSignal;
  /** says something on the way */
  progress(data: unknown): void;
}

/** Does a command; answers its data, which may hold Buffers. Throws an AppError to refuse. */
export type ChildCommandHandler = (args: Record<string, unknown>, run: ChildCommandRun) => unknown;

/** The commands that are done in this process, for the agent that received them. */
export class CommandTable {
  readonly #send: (message: CommandFromChild) => void;
  readonly #handlers = new Map<string, ChildCommandHandler>();
  readonly #running = new Map<number, AbortController>();

  constructor(send: (message: CommandFromChild) => void) {
    this.#send = send;
  }

  /** Has commands of that name done by the handler; the agent has looked at arguments that the contract names. */
  on(name: string, handle: ChildCommandHandler): this {
    this.#handlers.set(name, handle);
    return this;
  }

  hear(message: Extract<ToChild, { type: 'command' | 'command-cancel' }>): void {
    if (message.type === 'command') void this.#run(message);
    else this.#running.get(message.call)?.abort(new AppError('command.timeout', 'the command was given up'));
  }

  async #run({ call, name, args }: Extract<ToChild, { type: 'command' }>): Promise<void> {
    const ending = new AbortController();
    this.#running.set(call, ending);
    try {
      const handle = this.#handlers.get(name);
      if (!handle) throw new AppError('command.unknown', `no command "${name}" is done here`);
      const progress = (data: unknown) => this.#send({ type: 'command-progress', call, data });
      const data = await handle(args, { signal: ending.signal, progress });
      this.#send({ type: 'command-answer', call, data });
    } catch (error) {
      const { code, message } = toAppError(error);
      this.#send({ type: 'command-refusal', call, code, message });
    } finally {
      this.#running.delete(call);
    }
  }
}
