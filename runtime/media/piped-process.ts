import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { AppError } from '../contracts/errors.ts';
import { toAppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';
import { ended, tailOf } from '../lib/child-process.ts';

/** A program that writes pictures or a stream to its standard output. */
export interface Launch {
  command: string;
  args: string[];
  /** it writes to descriptor 3 too, and this takes that */
  onSide?(chunk: Buffer): void;
  /** written to its standard input, for what must not show among the arguments */
  input?: string;
}

/** How a program ended: by itself (its last words), or it never began. */
export interface Ending {
  stderr: string;
  error?: AppError;
}

export interface PipedProcess {
  /** Resolves once the program and its pipes are gone; never rejects. */
  readonly gone: Promise<Ending>;
  /** Asks it to end (SIGINT: a camera is let go, a session closed), and insists after a second. */
  stop(): void;
  /** SIGKILL. */
  kill(): void;
}

const GRACE_MS = 1000;

/** Starts a program and hands on what it writes. No shell is involved; its stderr is kept as a short tail. */
export function startPipedProcess(launch: Launch, clock: Clock, onBytes: (chunk: Buffer) => void): PipedProcess {
  const side = launch.onSide ? (['pipe'] as const) : [];
  const child = spawn(launch.command, launch.args, { stdio: ['pipe', 'pipe', 'pipe', ...side] });
  const stderr = tailOf(child);
  child.stdout?.on('data', onBytes);
  const { onSide } = launch;
  if (onSide) (child.stdio[3] as Readable | null)?.on('data', onSide);
  // A program that ends before it has read its input is judged by its end, not by the broken pipe.
  child.stdin?.on('error', () => child.stdin?.destroy());
  child.stdin?.end(launch.input ?? '');
  let insist = () => {};
  const gone = ended(child, launch.command).then(
    () => ({ stderr: stderr() }),
    (error: unknown) => ({ stderr: stderr(), error: toAppError(error) }),
  );
  void gone.then(() => insist());
  return {
    gone,
    stop() {
      child.kill('SIGINT');
      insist = clock.after(GRACE_MS, () => child.kill('SIGKILL'));
    },
    kill: () => child.kill('SIGKILL'),
  };
}
