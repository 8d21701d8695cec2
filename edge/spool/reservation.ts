import { readFile } from 'node:fs/promises';
import { writeFileDurably } from '../../runtime/lib/files.ts';

/**
 * A rising number that survives power cuts at the price of one durable write per block: the file holds a bound, and whatever lies
 * below it may be in use. After a kill the numbers go on at the bound, unless better evidence is at hand; after a clean end, exactly.
 */
export class Reservation {
  readonly #path: string;
  readonly block: number;
  #bound = 0;

  constructor(path: string, block = 100) {
    this.#path = path;
    this.block = block;
  }

  /** The bound as last written; undefined when the file is lost or unreadable. */
  async read(): Promise<number | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const bound = boundIn(text);
    if (bound !== undefined) this.#bound = bound;
    return bound;
  }

  /** Resolves once it is durable that `n` may be in use. */
  async cover(n: number): Promise<void> {
    if (n < this.#bound) return;
    await this.#write(n + this.block);
  }

  /** Gives back what was reserved ahead: `next` is the next number to be used. */
  async release(next: number): Promise<void> {
    if (next !== this.#bound) await this.#write(next);
  }

  async #write(bound: number): Promise<void> {
    await writeFileDurably(this.#path, `${JSON.stringify({ v: 1, bound })}\n`);
    this.#bound = bound;
  }
}

function boundIn(text: string): number | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const bound = (value as { bound?: unknown } | null)?.bound;
  return Number.isSafeInteger(bound) && Number(bound) >= 0 ? Number(bound) : undefined;
}
