import { type ChildProcess, fork } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import { Backoff } from '../../runtime/lib/backoff.ts';
import type { Part } from '../../runtime/lib/part.ts';
import { parseToAgent, SILENCE_MS, type ToAgent, type ToChild } from '../ipc.ts';
import { forwardLines } from './output-lines.ts';
import { Pause } from './pause.ts';

const CHECK_EVERY_MS = 5_000;
/** Loading Node-RED from an SD card blocks the child for long. */
const FIRST_WORD_MS = 90_000;
const HEALTHY_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

/** How one life of the child ended. */
export interface ChildEnd {
  /** in words: `by SIGKILL`, `with exit code 1` */
  how: string;
  /** its end was asked for */
  wanted: boolean;
}

export interface ChildOptions {
  /** the module to fork */
  entry: string;
  argv?: readonly string[];
  execArgv?: string[];
  env: NodeJS.ProcessEnv;
  /** remembers the child's pid, so that one left behind by a killed agent is found */
  pidFile: string;
  clock: Clock;
  log: Log;
  onMessage: (message: Exclude<ToAgent, { type: 'alive' }>) => void;
  /** a child runs and can be written to */
  onStart: () => void;
  /** it spoke for the first time, or it is gone */
  onChange: () => void;
  /** it is gone, while the agent goes on; another one is started after this */
  onEnd?: (end: ChildEnd) => void;
  random?: () => number;
}

/**
 * Keeps the child process running whatever it does: when it ends it is started again after 1 to 60 s (from the beginning after 60 s in
 * good health), and one that says nothing for 30 s is killed. Nothing it does or sends reaches further than this.
 */
export class Child implements Part {
  readonly #options: ChildOptions;
  readonly #pause: Pause;
  readonly #backoff: Backoff;
  #process: ChildProcess | undefined;
  #running = false;
  /** its end was asked for */
  #wanted = false;
  #loop: Promise<void> | undefined;
  #heardAt = 0;
  #spoke = false;
  #strange = 0;
  #starts = 0;
  #noted: Promise<void> = Promise.resolve();

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#pause = new Pause(options.clock);
    this.#backoff = new Backoff({ firstMs: 1000, maxMs: 60_000, random: options.random ?? Math.random });
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    await this.#endLeftover();
    this.#loop = this.#run();
  }

  /** Asks it to stop and kills it when it has not within 10 s. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    this.#pause.end();
    this.send({ type: 'stop' });
    const child = this.#process;
    const cancel = this.#options.clock.after(STOP_TIMEOUT_MS, () => child?.kill('SIGKILL'));
    await this.#loop;
    await this.#noted;
    cancel();
  }

  /** Ends the child (killed when it has not stopped within 10 s, or at once if `now`); a new one is started without a pause. */
  restart(now = false): void {
    const child = this.#process;
    if (!child) {
      this.#pause.cut();
      return;
    }
    this.#wanted = true;
    if (now) {
      child.kill('SIGKILL');
      return;
    }
    this.send({ type: 'stop' });
    const cancel = this.#options.clock.after(STOP_TIMEOUT_MS, () => child.kill('SIGKILL'));
    child.once('exit', cancel);
  }

  /** How often a child was started, whether one runs that has spoken, and its pid. */
  status(): { starts: number; alive: boolean; pid: number | undefined } {
    return { starts: this.#starts, alive: this.#process !== undefined && this.#spoke, pid: this.#process?.pid };
  }

  /** Sends to the child, if there is one that listens. */
  send(message: ToChild): void {
    const child = this.#process;
    if (!child?.connected) return;
    // An error here means that it is just ending, which the loop sees.
    child.send(message, () => undefined);
  }

  /** For the last moment of the agent: nothing may be left behind. */
  kill(): void {
    this.#process?.kill('SIGKILL');
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    while (this.#running) {
      const since = clock.monotonicMs();
      const how = await this.#life();
      const lived = clock.monotonicMs() - since;
      if (!this.#running) return;
      const wanted = this.#wanted;
      this.#options.onEnd?.({ how, wanted });
      if (wanted) {
        this.#wanted = false;
        this.#backoff.reset();
        log.info('the flow process was ended to be started again', { how });
        continue;
      }
      if (lived >= HEALTHY_MS) this.#backoff.reset();
      const retryMs = this.#backoff.next();
      log.error('the flow process ended', { how, lived_ms: Math.round(lived), retry_ms: retryMs });
      await this.#pause.wait(retryMs);
    }
  }

  /** One child from start to end; answers how it ended. */
  #life(): Promise<string> {
    const { argv, clock, entry, env, execArgv, log, onStart, pidFile } = this.#options;
    const child = fork(entry, argv ?? [], {
      env,
      execArgv: execArgv ?? [],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process = child;
    this.#starts += 1;
    this.#heardAt = clock.monotonicMs();
    this.#spoke = false;
    let verdict: string | undefined;
    const cancelWatch = this.#watch(() => {
      verdict = this.#spoke ? `silent for ${SILENCE_MS / 1000} s: killed` : 'never spoke: killed';
      child.kill('SIGKILL');
    });
    if (child.stdout) forwardLines(child.stdout, log.child('flows'), 'info', () => clock.monotonicMs());
    if (child.stderr) forwardLines(child.stderr, log.child('flows'), 'warn', () => clock.monotonicMs());
    child.on('message', (message) => this.#hear(message));
    this.#note(() => writeFile(pidFile, `${child.pid ?? ''}\n`));
    return new Promise((resolve) => {
      let over = false;
      const end = (how: string) => {
        if (over) return;
        over = true;
        cancelWatch();
        this.#process = undefined;
        this.#options.onChange();
        this.#note(() => rm(pidFile, { force: true }));
        resolve(verdict ?? how);
      };
      child.once('spawn', onStart);
      child.once('error', (error) => end(`could not be started: ${error.message}`));
      child.once('exit', (code, signal) => end(signal ? `by ${signal}` : `with exit code ${code}`));
    });
  }

  /** Changes the pid file, one change after the other. */
  #note(change: () => Promise<void>): void {
    const { log, pidFile } = this.#options;
    this.#noted = this.#noted.then(change).catch((error) => log.warn('pid file not kept', { pidFile, error }));
  }

  /** Calls once when the child has been silent for too long. */
  #watch(onSilence: () => void): () => void {
    const { clock } = this.#options;
    let cancel: () => void;
    let lookedAt = clock.monotonicMs();
    const look = () => {
      const now = clock.monotonicMs();
      // The agent itself was held up (a suspended machine): what the child said meanwhile is yet to be read.
      if (now - lookedAt > 2 * CHECK_EVERY_MS) this.#heardAt = now;
      lookedAt = now;
      if (now - this.#heardAt >= (this.#spoke ? SILENCE_MS : FIRST_WORD_MS)) return onSilence();
      cancel = clock.after(CHECK_EVERY_MS, look);
    };
    cancel = clock.after(CHECK_EVERY_MS, look);
    return () => cancel();
  }

  #hear(raw: unknown): void {
    this.#heardAt = this.#options.clock.monotonicMs();
    if (!this.#spoke) {
      this.#spoke = true;
      this.#options.onChange();
    }
    const message = parseToAgent(raw);
    if (!message) {
      this.#strange += 1;
      if (this.#strange === 1) this.#options.log.warn('the flow process sends messages that are none of ours');
    } else if (message.type !== 'alive') this.#options.onMessage(message);
  }

  /** A child in an endless loop does not notice that its agent was killed: the next agent ends it, if it is still that program. */
  async #endLeftover(): Promise<void> {
    const { entry, log, pidFile } = this.#options;
    const pid = Number(await textOf(pidFile));
    if (!Number.isSafeInteger(pid) || pid <= 1) return;
    const commandLine = (await textOf(`/proc/${pid}/cmdline`)).split('\0');
    if (!commandLine.includes(entry)) return;
    log.warn('a flow process was left behind: killed', { pid });
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      log.debug('it was gone already', { pid, error });
    }
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}
