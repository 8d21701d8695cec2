import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

/** Runs beside the main thread, which an embedded database that loops would hold for ever. */
const WATCH = `
  const { workerData } = require('node:worker_threads');
  const { writeFileSync, writeSync } = require('node:fs');
  setTimeout(() => {
    writeFileSync(workerData.note, workerData.words);
    writeSync(2, workerData.words + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, workerData.timeoutMs);
`;

/**
 * Ends the process (SIGKILL: nothing softer reaches a thread that loops) when the work does not end in time, and leaves a note, so
 * that the next start knows not to try the same again.
 */
export async function watched<T>(note: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const words = `the embedded database did not open within ${timeoutMs / 1000} s: this process ends, the next start sets it aside`;
  // Without flags: --input-type=module of this process would make another language of the text above.
  const worker = new Worker(WATCH, { eval: true, execArgv: [], workerData: { note, timeoutMs, words } });
  worker.unref();
  try {
    return await work();
  } finally {
    await worker.terminate();
  }
}

/** Tells whether the last start ended that way. */
export function wasStuck(note: string): boolean {
  return existsSync(note);
}

/** To be called once the folder in question is out of the way. */
export async function forgetStuck(note: string): Promise<void> {
  await rm(note, { force: true });
}
