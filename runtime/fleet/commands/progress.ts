const MAX_WORDS = 500;
const MAX_COMMANDS = 50;

/** What commands said on their way, in memory: the last 500 words each, of the last 50 commands that said anything. */
export class Progress {
  readonly #words = new Map<string, unknown[]>();

  add(command: string, word: unknown): void {
    const words = this.#words.get(command) ?? [];
    words.push(word);
    if (words.length > MAX_WORDS) words.shift();
    this.#words.delete(command);
    this.#words.set(command, words);
    for (const oldest of this.#words.keys()) {
      if (this.#words.size <= MAX_COMMANDS) break;
      this.#words.delete(oldest);
    }
  }

  of(command: string): readonly unknown[] {
    return this.#words.get(command) ?? [];
  }
}
