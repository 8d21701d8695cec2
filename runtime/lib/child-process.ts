import { type ChildProcess, spawn } from 'node:child_process';
import { AppError } from '../contracts/errors.ts';

/** How much of a child's stderr is kept for the error message. */
const STDERR_TAIL_BYTES = 4096;

export interface RunOptions {
  command: string;
  args: string[];
  /** bytes for its standard input */
  input?: Uint8Array;
  timeoutMs: number;
  /** a longer answer ends it */
  maxOutputBytes: number;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program to its end and answers its standard output. It is killed (SIGKILL) on timeout, on too much output and by the
 * signal. Throws `process.missing` when it is not installed, `process.failed` with the tail of its stderr otherwise.
 */
export async function run(options: RunOptions): Promise<Buffer> {
  const { command, args, timeoutMs, maxOutputBytes } = options;
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: options.env ?? process.env });
  const chunks: Buffer[] = [];
  let size = 0;
  let verdict: string | undefined;
  const end = (why: string) => {
    verdict ??= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(`gave no answer within ${timeoutMs} ms`), timeoutMs);
  const abort = () => end('was cancelled');
  options.signal?.addEventListener('abort', abort, { once: true });
  const stderr = tailOf(child);
  child.stdout.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxOutputBytes) end(`gave more than ${maxOutputBytes} bytes`);
    else chunks.push(chunk);
  });
  // A program that ends before it has read its input is judged by its exit, not by the broken pipe.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(options.input);
  try {
    const code = await ended(child, command);
    if (verdict !== undefined) throw new AppError('process.failed', `${command} ${verdict}`, { stderr: stderr() });
    if (code !== 0) {
      throw new AppError('process.failed', `${command} ended with ${code}: ${lastLine(stderr())}`, {
        stderr: stderr(),
      });
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** Keeps the last bytes of a child's stderr; a flood costs no memory. */
export function tailOf(child: ChildProcess): () => string {
  let tail = Buffer.alloc(0);
  child.stderr?.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-STDERR_TAIL_BYTES);
  });
  return () => tail.toString('utf8').trim();
}

/** Resolves with the exit code, or 128 for a signal, once the child and its pipes are gone. */
export function ended(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const missing = cause.code === 'ENOENT';
      const message = missing ? `${command} is not installed` : `${command} could not be started: ${cause.message}`;
      reject(new AppError(missing ? 'process.missing' : 'process.failed', message, { command }, { cause }));
    });
    child.once('close', (code) => resolve(code ?? 128));
  });
}

function lastLine(text: string): string {
  return text.split('\n').at(-1) ?? '';
}
