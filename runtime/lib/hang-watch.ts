import { Worker } from 'node:worker_threads';
import type { Part } from './part.ts';

/** The main thread may stand still this long: three times fit into the five minutes of the safe start. */
export const HANG_LIMIT_MS = 60_000;
const LOOKS = 30;

/**
 * Runs beside the main thread. It counts its own looks and not the time between them, so that a computer that slept, or a process that
 * was stopped and goes on, is not taken for one that hangs.
 */
const WATCH = `
  const { workerData } = require('node:worker_threads');
  const { writeSync } = require('node:fs');
  const beats = new Int32Array(workerData.beats);
  let seen = Atomics.load(beats, 0);
  let still = 0;
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    still = now === seen ? still + 1 : 0;
    seen = now;
    if (still < workerData.looks) return;
    writeSync(2, workerData.words + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, workerData.everyMs);
`;

/**
 * Ends a process whose event loop stands still for `limitMs` (SIGKILL: nothing softer reaches a thread that loops), so that whoever
 * started it starts it anew, and the crash guard counts it. A flow with an endless loop would else keep the server silent for ever.
 */
export function createHangWatch({ limitMs = HANG_LIMIT_MS }: { limitMs?: number } = {}): Part {
  let worker: Worker | undefined;
  let beating: NodeJS.Timeout | undefined;
  return {
    async start() {
      const beats = new Int32Array(new SharedArrayBuffer(4));
      const everyMs = limitMs / LOOKS;
      beating = setInterval(() => Atomics.add(beats, 0, 1), everyMs);
      beating.unref();
      const words = `nothing moves in this process for ${limitMs / 1000} s, a flow loops perhaps: it ends itself`;
      // Without flags: --input-type=module of this process would make another language of the text above.
      worker = new Worker(WATCH, {
        eval: true,
        execArgv: [],
        workerData: { beats: beats.buffer, everyMs, looks: LOOKS, words },
      });
      worker.unref();
    },
    async stop() {
      clearInterval(beating);
      await worker?.terminate();
      worker = undefined;
    },
  };
}
