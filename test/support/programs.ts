import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { staleBelow } from '../../runtime/cli/dist.ts';
import { type Leaks, leaks } from './leaks.ts';
import { until } from './until.ts';

export { freePorts, isTaken } from './ports.ts';
export const ROOT = resolve(import.meta.dirname, '../..');
/** All of a hostile run at level debug: what is in the log, and what is not, is looked at. */
const KEPT_LINES = 20_000;
const STOP_TIMEOUT_MS = 25_000;

// While the file loads, since no time limit of a test runs then.
buildIfOld();

const running = new Set<Program>();
const folders = new Set<string>();

after(async () => {
  for (const program of [...running]) await program.end('SIGKILL');
  // What a program started and left behind: every one of them has the data folder of its test in its environment.
  for (const folder of folders) for (const { pid } of await processesOf(folder)) killQuietly(pid);
  const found = await leaks.found();
  await leaks.end();
  if (found.length > 0) throw new Error(`secrets stand in the logs:\n${found.join('\n')}`);
});

export interface ProgramOptions {
  /** name in messages of failed tests */
  name: string;
  /** below dist/ */
  file: string;
  /** Node's own options */
  flags?: string[];
  /** the only settings it gets */
  env: Record<string, string>;
  /** in `env` of everything it starts: who is left behind is found by it */
  folder: string;
  /** who looks for secrets in what it prints; default: the check at the end of this test run */
  leaks?: Leaks;
}

/** A built program of the product as a process of its own. It ends with the test run, whatever way that ends. */
export class Program {
  readonly #options: ProgramOptions;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #exit: Promise<void>;
  #over = false;

  constructor(options: ProgramOptions) {
    this.#options = options;
    folders.add(options.folder);
    const child = spawn(process.execPath, [...(options.flags ?? []), join(ROOT, 'dist', options.file)], {
      cwd: options.folder,
      env: { ...plainEnvironment(), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(this);
    const { name, env, leaks: watch = leaks } = options;
    watch.plantSettings(name, env);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#lines.push(line);
        watch.see(name, line);
        if (this.#lines.length > KEPT_LINES) this.#lines.shift();
      });
    }
    const guard = guardOf(this.pid);
    this.#exit = once(child, 'close').then(() => {
      this.#over = true;
      running.delete(this);
      guard.kill('SIGKILL');
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#options.name} did not start`);
    return pid;
  }

  get over(): boolean {
    return this.#over;
  }

  /** What it printed, the latest lines. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Waits until it has printed such a line; fails with its last words when it ends first. */
  printed(what: RegExp, timeoutMs = 60_000): Promise<string> {
    return this.while(`${this.#options.name} prints ${what}`, () => this.#lines.find((l) => what.test(l)), timeoutMs);
  }

  /** Waits for a fact that needs this program alive. */
  async while<T>(
    what: string,
    ask: () => T | undefined | false | null | Promise<T | undefined | false | null>,
    timeoutMs = 30_000,
  ): Promise<T> {
    try {
      return await until(
        what,
        () => {
          if (this.#over) throw new Error(`${this.#options.name} ended before: ${what}`);
          return ask();
        },
        timeoutMs,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.lastWords()}`, { cause: error });
    }
  }

  lastWords(): string {
    return this.#lines.slice(-25).join('\n');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end; SIGKILL after 25 s, which is told. Answers its exit code or the signal it died of. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals | 'too slow' | null> {
    if (this.#over) return this.#child.signalCode ?? this.#child.exitCode;
    this.#child.kill(signal);
    let late = false;
    const kill = setTimeout(() => {
      late = true;
      this.#child.kill('SIGKILL');
    }, STOP_TIMEOUT_MS);
    await this.#exit;
    clearTimeout(kill);
    return late ? 'too slow' : (this.#child.signalCode ?? this.#child.exitCode);
  }
}

/** Processes that have the folder in their environment, oldest first. */
export async function processesOf(folder: string): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const environment = await textOf(`/proc/${name}/environ`);
    if (!environment.includes(folder)) continue;
    const command = (await textOf(`/proc/${name}/cmdline`)).replaceAll('\0', ' ').trim();
    // One that has ended but was not collected yet has no command line.
    if (command !== '') found.push({ pid: Number(name), command });
  }
  return found.sort((one, other) => one.pid - other.pid);
}

/** Whether the process lives. */
export async function lives(pid: number): Promise<boolean> {
  return (await textOf(`/proc/${pid}/cmdline`)) !== '';
}

/** What a program needs of this machine; settings of whoever runs the tests stay out. */
function plainEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'LD_LIBRARY_PATH', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Kills the process when this one is gone without having done so. */
function guardOf(pid: number): ChildProcess {
  const guard = spawn('sh', ['-c', 'read -r line; kill -9 "$1"', 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.stdin?.on('error', () => guard.kill());
  return guard;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function buildIfOld(): void {
  if (staleBelow(ROOT, ['nodes', 'runtime', 'edge', 'flows']).length === 0) return;
  spawnSync(process.execPath, [join(ROOT, 'runtime/cli/build.ts')], { cwd: ROOT, stdio: 'ignore' });
}
