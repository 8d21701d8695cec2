import { type ChildProcess, spawn } from 'node:child_process';
import { AppError } from '../../runtime/contracts/errors.ts';

/** The three lines of a stepper driver. Calls come one after the other. */
export interface Lines {
  /** Switches the motor on or off. Throws `stepper.failed`. */
  enable(on: boolean): Promise<void>;
  /** Gives so many pulses, one each `periodMs`; who calls waits for them. Throws `stepper.failed`. */
  pulse(steps: number, forward: boolean, periodMs: number): void;
  /** Why nothing moves any more, in words. */
  trouble(): string | undefined;
  /** Gives the lines back; may be called twice. */
  close(): Promise<void>;
}

/** A motor that is not there. */
export function simulatedLines(): Lines {
  return { async enable() {}, pulse() {}, trouble: () => undefined, async close() {} };
}

export interface GpioOptions {
  chip: string;
  stepPin: number;
  dirPin: number;
  enablePin: number;
  invert: boolean;
  /** program and arguments before ours; default: `gpioset` of libgpiod 2 */
  command?: readonly [string, ...string[]];
}

const STOP_MS = 1000;
/** What most drivers need of a pulse, and more than they do. */
const HIGH_MS = 1;

/**
 * Lines of a GPIO chip by one `gpioset --interactive` that lives as long as the motor is used: it keeps the lines, does the waiting
 * between pulses, and takes orders at its standard input. Its end is a failure until the motor is switched on again.
 */
export function gpioLines(options: GpioOptions): Lines {
  const { chip, stepPin, dirPin, enablePin, invert, command = ['gpioset'] } = options;
  const [program, ...before] = command;
  const level = (on: boolean) => (on === invert ? 0 : 1);
  let child: ChildProcess | undefined;
  let trouble: string | undefined;

  const start = () => {
    const lines = [`${stepPin}=0`, `${dirPin}=0`, `${enablePin}=${level(false)}`];
    const started = spawn(program, [...before, '--interactive', '--chip', chip, ...lines], {
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    let words = '';
    started.stderr?.on('data', (part: Buffer) => {
      words = (words + part.toString('utf8')).slice(-500);
    });
    started.stdin?.on('error', () => undefined);
    started.on('error', (error: NodeJS.ErrnoException) => {
      words = error.code === 'ENOENT' ? `${program} is not installed: apt install gpiod` : error.message;
    });
    started.on('close', () => {
      if (child !== started) return;
      child = undefined;
      trouble = words.trim() || `${program} ended`;
    });
    trouble = undefined;
    child = started;
  };
  const say = (...orders: string[]) => {
    if (!child?.stdin?.writable) throw new AppError('stepper.failed', trouble ?? `${program} does not run`);
    child.stdin.write(`${orders.join('\n')}\n`);
  };

  return {
    async enable(on) {
      if (on && !child) start();
      if (!on && !child) return;
      say(`set ${enablePin}=${level(on)}`);
      // What is wrong with chip or lines it says at once.
      await new Promise((resolve) => setImmediate(resolve));
      if (trouble !== undefined) throw new AppError('stepper.failed', trouble);
    },
    pulse(steps, forward, periodMs) {
      const low = Math.max(1, Math.round((periodMs - HIGH_MS) * 1000));
      const one = [`set ${stepPin}=1`, `sleep ${HIGH_MS}ms`, `set ${stepPin}=0`, `sleep ${low}us`];
      say(`set ${dirPin}=${forward ? 1 : 0}`, ...Array.from({ length: steps }, () => one).flat());
    },
    trouble: () => trouble,
    async close() {
      const ending = child;
      child = undefined;
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
      await new Promise<void>((resolve) => {
        const kill = setTimeout(() => ending.kill('SIGKILL'), STOP_MS);
        ending.once('close', () => {
          clearTimeout(kill);
          resolve();
        });
        // Lines fall back to what the kernel gives them; switched off first, so that nothing is held by force.
        ending.stdin?.end(`set ${enablePin}=${level(false)}\nexit\n`);
      });
    },
  };
}
