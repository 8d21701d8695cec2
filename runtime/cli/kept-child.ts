import { type ChildProcess, fork } from 'node:child_process';
import { speakPlainly } from './plain-words.ts';

const RESTART_MS = 2000;
const KILL_AFTER_MS = 15_000;

export interface KeptChildOptions {
  /** name in front of its lines */
  who: string;
  file: string;
  env: NodeJS.ProcessEnv;
  onMessage?: (message: unknown) => void;
  write: (line: string) => void;
}

/**
 * A program that is started again when it ends by itself. It leads a process group of its own, so that Ctrl-C reaches the starter
 * only, which then ends its children in order.
 */
export class KeptChild {
  readonly #options: KeptChildOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: 'kept' | 'ending' = 'kept';

  constructor(options: KeptChildOptions) {
    this.#options = options;
  }

  start(): void {
    const { who, file, env, onMessage, write } = this.#options;
    const child = fork(file, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#child = child;
    if (child.stdout) speakPlainly(who, child.stdout, write);
    if (child.stderr) speakPlainly(who, child.stderr, write);
    if (onMessage) child.on('message', onMessage);
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#state === 'ending') return;
      write(`          ${who.padEnd(8)}ended (${signal ?? code}); starting it again`);
      this.#timer = setTimeout(() => this.start(), RESTART_MS);
    });
  }

  send(message: object): void {
    if (this.#child?.connected) this.#child.send(message);
  }

  /** Asks it to end and waits; after 15 s it is killed. */
  async stop(): Promise<void> {
    this.#state = 'ending';
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await gone;
    clearTimeout(kill);
  }
}
