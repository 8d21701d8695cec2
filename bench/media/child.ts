import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const running = new Set<ChildProcess>();

/** A program of `bench/peers` that is asked by messages: `{ ask, op, ...args }` gets `{ ask, value }` or `{ ask, error }`. */
export class Child {
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #count = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.on('message', (message) => {
      const { ask, value, error } = message as { ask: number; value?: unknown; error?: string };
      const waiting = this.#asked.get(ask);
      this.#asked.delete(ask);
      if (error !== undefined) waiting?.reject(new Error(error));
      else waiting?.resolve(value);
    });
    process.once('exit', (code) => {
      running.delete(process);
      for (const { reject } of this.#asked.values()) reject(new Error(`the program ended with ${code}`));
    });
  }

  /** Starts it and waits for its first message. */
  static async start(script: string, args: string[] = [], env: Record<string, string> = {}): Promise<Child> {
    const path = join(import.meta.dirname, '../peers', script);
    const child = fork(path, args, { env: { ...process.env, ...env }, execArgv: ['--expose-gc'] });
    running.add(child);
    const failed = once(child, 'exit').then(([code]) => {
      throw new Error(`${script} ended with ${code}`);
    });
    failed.catch(() => undefined);
    await Promise.race([once(child, 'message'), failed]);
    return new Child(child);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  ask<Answer>(op: string, args: Record<string, unknown> = {}): Promise<Answer> {
    this.#count += 1;
    const ask = this.#count;
    return new Promise<Answer>((resolve, reject) => {
      this.#asked.set(ask, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ ask, op, ...args });
    });
  }

  /** Asks it to end, and insists after 5 s. */
  async end(): Promise<void> {
    await end(this.#process);
  }
}

/** Ends every program that was started. */
export async function endChildren(): Promise<void> {
  await Promise.all([...running].map(end));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(insist);
}
