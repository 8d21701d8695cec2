import { readFile } from 'node:fs/promises';
import { type CommandAnswer, CommandAnswer as CommandAnswerSchema } from '../../runtime/contracts/commands.ts';
import { writeFileDurably } from '../../runtime/lib/files.ts';
import { parser } from '../../runtime/lib/validate.ts';

const REMEMBERED = 64;
/** What is longer is not written down with the answer. */
const MAX_KEPT_CHARS = 4096;

interface Entry {
  id: string;
  counter: number;
  answer?: CommandAnswer;
}

const parseAnswer = parser(CommandAnswerSchema);

/**
 * Which commands this device has begun, and how they ended: the highest counter and the last 64 commands, in a file that is
 * written before a command begins. So nothing runs twice, whatever is cut, and an answer that was lost can be given again.
 */
export class CommandLedger {
  readonly #file: string;
  #counter = 0;
  #entries: Entry[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads the file. One that cannot be read is taken to say that everything up to `now` (epoch ms, as counters are) was run. */
  async open(now: number): Promise<'read' | 'new' | 'lost'> {
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'new';
      throw error;
    }
    const kept = parseLedger(text);
    if (!kept) {
      this.#counter = now;
      return 'lost';
    }
    this.#counter = kept.counter;
    this.#entries = kept.entries.map((entry) => (entry.answer ? entry : { ...entry, answer: interrupted(entry.id) }));
    return 'read';
  }

  /** The highest counter that was begun. */
  get counter(): number {
    return this.#counter;
  }

  /** What is known of a command: not begun, running, or its last word. */
  look(id: string): 'unknown' | 'running' | CommandAnswer {
    const entry = this.#entries.find((known) => known.id === id);
    return entry ? (entry.answer ?? 'running') : 'unknown';
  }

  /** Resolves once it is durable that this command was begun; throws when that cannot be. */
  async begin(id: string, counter: number): Promise<void> {
    const before = { counter: this.#counter, entries: this.#entries };
    this.#counter = Math.max(this.#counter, counter);
    this.#entries = trimmed([...this.#entries, { id, counter }]);
    try {
      await this.#write();
    } catch (error) {
      this.#counter = before.counter;
      this.#entries = this.#entries.filter((entry) => entry.id !== id);
      throw error;
    }
  }

  /** Keeps the last word of a command. A disk that does not take it costs no more than the memory of it after a restart. */
  async end(id: string, answer: CommandAnswer): Promise<void> {
    const entry = this.#entries.find((known) => known.id === id);
    if (!entry) return;
    entry.answer = answer;
    await this.#write();
  }

  #write(): Promise<void> {
    const write = () => writeFileDurably(this.#file, `${JSON.stringify(this.#shown())}\n`);
    const done = this.#writing.then(write, write);
    this.#writing = done.catch(() => undefined);
    return done;
  }

  #shown(): object {
    const recent = this.#entries.map(({ id, counter, answer }) => ({
      id,
      counter,
      ...(answer && { answer: JSON.stringify(answer).length > MAX_KEPT_CHARS ? tooLong(id) : answer }),
    }));
    return { v: 1, counter: this.#counter, recent };
  }
}

/** The oldest that are over go first; what runs stays. */
function trimmed(entries: Entry[]): Entry[] {
  let over = entries.length - REMEMBERED;
  return entries.filter((entry) => !(over > 0 && entry.answer && over-- > 0));
}

function interrupted(id: string): CommandAnswer {
  return { id, status: 'error', code: 'command.interrupted', error: 'the agent ended while it ran this' };
}

function tooLong(id: string): CommandAnswer {
  return { id, status: 'error', code: 'command.interrupted', error: 'it was done; its answer was too long to be kept' };
}

function parseLedger(text: string): { counter: number; entries: Entry[] } | undefined {
  try {
    const { counter, recent } = JSON.parse(text) as { counter: unknown; recent: unknown };
    if (!Number.isSafeInteger(counter) || Number(counter) < 0 || !Array.isArray(recent)) return undefined;
    return { counter: Number(counter), entries: recent.map((entry) => parseEntry(entry as Partial<Entry>)) };
  } catch {
    return undefined;
  }
}

function parseEntry({ id, counter, answer }: Partial<Entry>): Entry {
  if (typeof id !== 'string' || !Number.isSafeInteger(counter)) throw new Error('no entry of a ledger');
  return { id, counter: Number(counter), ...(answer && { answer: parseAnswer(answer) }) };
}
