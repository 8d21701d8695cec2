import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import { calmWasmCompiler } from './wasm-compiler.ts';

const BYTEA = 17;
const INT8 = 20;

/** The types as PostgreSQL's driver gives them; arrays of these follow. */
const parsers: NonNullable<PGliteOptions['parsers']> = {
  [INT8]: Number,
  [BYTEA]: (text: string) => Buffer.from(text.slice(2), 'hex'),
};

/** What PostgreSQL writes when it cannot go on, and what its runtime writes after that. */
const END = /\[\d+\] (PANIC|FATAL): {2}|^Aborted\(/;

/** The WAL is kept small: 1 GB, as PostgreSQL would keep it, is more than the rest of a small database. */
const settings = ['max_wal_size=96MB', 'min_wal_size=32MB', 'shared_buffers=32MB'];

/**
 * One run of the embedded PostgreSQL that knows when it is dead. After a PANIC (a full disk is enough) PGlite 0.5 would loop for
 * ever inside the next statement, and with it the whole process; this one throws instead.
 */
export class PgliteInstance extends PGlite {
  /** the last lines that PostgreSQL wrote */
  readonly words: string[];
  #dead: Error | undefined;

  constructor(options: { folder?: string; from?: Blob }) {
    calmWasmCompiler();
    const words: string[] = [];
    // Called by the constructor already, before `this` is there.
    let onEnd = (_why: string) => {};
    super({
      ...(options.folder === undefined ? {} : { dataDir: options.folder }),
      ...(options.from ? { loadDataDir: options.from } : {}),
      parsers,
      startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])],
      onStderr: (text) => {
        words.push(text);
        if (words.length > 20) words.shift();
        if (END.test(text)) onEnd(text);
        return true;
      },
    });
    this.words = words;
    onEnd = (why) => this.#die(why);
  }

  /** Why it can never be asked again; undefined while it lives. */
  get dead(): Error | undefined {
    return this.#dead;
  }

  /** Every statement passes here. */
  override execProtocolRawSync(message: Uint8Array): Uint8Array {
    if (this.#dead) throw this.#dead;
    const answer = super.execProtocolRawSync(message);
    // What a dying PostgreSQL still answered is an error at best, and at worst the end of a list that is not whole.
    if (this.#dead) throw this.#dead;
    return answer;
  }

  #die(why: string): void {
    if (this.#dead) return;
    const dead = new Error(`the embedded database stopped: ${why.replace(/^.*\[\d+\] /, '')}`);
    this.#dead = dead;
    // The loop that reads messages swallows what its steps throw, but not what this one does.
    if (this.mod) {
      this.mod.stackRestore = () => {
        throw dead;
      };
    }
  }
}
