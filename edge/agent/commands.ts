import { Type } from 'typebox';
import { type CommandAnswer, CommandMessage, commandKind } from '../../runtime/contracts/commands.ts';
import { AppError, toAppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { parser } from '../../runtime/lib/validate.ts';
import type { CommandLedger } from './command-ledger.ts';
import type { ServerTime } from './server-time.ts';

const MAX_RUNNING = 16;
/** No command takes longer; `identify` may take 5 minutes. */
const LONGEST_RUN_MS = 6 * 60_000;

/** So long an answer may take to leave before the machine is started again. */
const GOODBYE_MS = 2000;

/** What a handler is given beside its arguments. */
export interface CommandRun {
  id: string;
  name: string;
  /** ends when the command takes too long, or the agent stops */
  signal: AbortSignal;
  /** says something on the way */
  progress(data: unknown): void;
  /** what is done once the answer is out, as a reboot */
  afterwards(act: () => void): void;
}

/** Does a command; answers its data. Throws an AppError to refuse. */
export type CommandHandler = (args: Record<string, unknown>, run: CommandRun) => unknown;

export interface CommandsOptions {
  ledger: CommandLedger;
  time: ServerTime;
  clock: Clock;
  log: Log;
  /** Sends to `rsp/<to>`; resolves when the broker has it, or it is lost: then it is asked for again. */
  answer: (to: string, body: CommandAnswer) => Promise<void>;
}

const parseMessage = parser(CommandMessage);

/**
 * Runs what the server asks for (CONTRACTS §5): each command once for the life of the device, none that is late, replayed or
 * unknown. What was asked before is answered again from the ledger.
 */
export class Commands implements Part {
  readonly #options: CommandsOptions;
  readonly #handlers = new Map<string, { handle: CommandHandler; parse: (args: unknown) => unknown }>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #ending = new AbortController();
  #admission: Promise<void> = Promise.resolve();

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Has commands of that name done by the handler. Arguments of commands that the contract names come checked. */
  on(name: string, handle: CommandHandler): this {
    // Fields that a newer server adds are ignored.
    const schema = Type.Object(commandKind(name)?.args.properties ?? {});
    this.#handlers.set(name, { handle, parse: parser(schema) });
    return this;
  }

  async start(): Promise<void> {
    const { ledger, clock, log } = this.#options;
    if ((await ledger.open(clock.now())) === 'lost')
      log.warn('the memory of commands is lost: those that were given before now are not run');
  }

  /** Cuts what runs; it is reported as interrupted. */
  async stop(): Promise<void> {
    this.#ending.abort(new AppError('command.interrupted', 'the agent stops'));
    await this.#admission;
    await Promise.allSettled(this.#running.values());
  }

  /** Takes a command from the broker. One after the other, so that counters are compared in the order in which they came. */
  hear(name: string, body: Record<string, unknown>): void {
    this.#admission = this.#admission
      .then(() => this.#admit(name, body))
      .catch((error) => this.#options.log.error('a command was not dealt with', { name, error }));
  }

  async #admit(name: string, body: Record<string, unknown>): Promise<void> {
    const { ledger, log } = this.#options;
    let command: CommandMessage;
    try {
      command = parseMessage(body);
    } catch (error) {
      log.warn('this is no command: ignored', { name, reason: toAppError(error).message });
      return;
    }
    if (this.#ending.signal.aborted) return;
    const known = ledger.look(command.id);
    if (known !== 'unknown') {
      void this.#say(command, known === 'running' ? { status: 'accepted' } : known);
      return;
    }
    try {
      const run = this.#checked(name, command);
      await ledger.begin(command.id, command.counter);
      void this.#say(command, { status: 'accepted' });
      this.#running.set(
        command.id,
        this.#run(name, command, run).finally(() => this.#running.delete(command.id)),
      );
    } catch (error) {
      const { code, message } = toAppError(error);
      log.warn('command refused', { name, id: command.id, code, reason: message });
      void this.#say(command, { status: 'error', code, error: message });
    }
  }

  #checked(name: string, command: CommandMessage): (run: CommandRun) => unknown {
    const { ledger } = this.#options;
    if (command.counter <= ledger.counter)
      throw new AppError('command.replayed', `its counter is ${command.counter}, after ${ledger.counter}`);
    if (command.expires_at <= this.#now(command))
      throw new AppError('command.expired', `it was to be begun before ${new Date(command.expires_at).toISOString()}`);
    const known = this.#handlers.get(name);
    if (!known) throw new AppError('command.unknown', `this device knows no command ${JSON.stringify(name)}`);
    if (this.#running.size >= MAX_RUNNING) throw new AppError('command.busy', `${MAX_RUNNING} commands run already`);
    const args = known.parse(command.args ?? {}) as Record<string, unknown>;
    return (run) => known.handle(args, run);
  }

  /** Until the server was heard by HTTP its time is not known; then the message's own is the best there is, and never trusted backwards. */
  #now({ ts = 0 }: CommandMessage): number {
    const { time } = this.#options;
    return time.clockOk() === undefined ? Math.max(time.now(), ts) : time.now();
  }

  async #run(name: string, command: CommandMessage, work: (run: CommandRun) => unknown): Promise<void> {
    const { ledger, clock, log } = this.#options;
    const { id } = command;
    const limit = new AbortController();
    const tooLong = () => limit.abort(new AppError('command.timeout', 'it took too long and was ended'));
    const cancel = clock.after(LONGEST_RUN_MS, tooLong);
    let afterwards: (() => void) | undefined;
    const signal = AbortSignal.any([this.#ending.signal, limit.signal]);
    let answer: CommandAnswer;
    log.info('command', { name, id });
    try {
      const data = await work({
        id,
        name,
        signal,
        progress: (word) => void this.#say(command, { status: 'progress', data: word }),
        afterwards: (act) => {
          afterwards = act;
        },
      });
      answer = { id, status: 'ok', ...(data === undefined ? {} : { data }) };
    } catch (error) {
      const { code, message } = toAppError(error);
      log.warn('command failed', { name, id, code, reason: message });
      answer = { id, status: 'error', code, error: message.slice(0, 2000) };
    }
    cancel();
    await ledger.end(id, answer).catch((error) => log.warn('the end of a command was not kept', { id, error }));
    const said = this.#say(command, answer);
    if (!afterwards) return;
    // Nothing that waits for an answer to be taken may wait for ever.
    await Promise.race([said, clock.sleep(GOODBYE_MS)]);
    afterwards();
  }

  #say({ id, reply_to }: CommandMessage, answer: Omit<CommandAnswer, 'id'>): Promise<void> {
    return this.#options.answer(reply_to, { ...answer, id });
  }
}
