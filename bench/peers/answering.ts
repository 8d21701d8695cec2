/** What a program asked by messages can do. */
export type Answers = Record<string, (args: never) => unknown>;

/** CPU ms that this process' own threads have used, at which moment. */
export interface Usage {
  cpuMs: number;
  atMs: number;
}

/** Answers the messages of `Child` (bench/media/child.ts) until the process is told to end. */
export function answer(answers: Answers, onEnd: () => Promise<void> | void = () => {}): void {
  const all: Answers = { usage, memory, ...answers };
  process.on('message', async (message) => {
    const { ask, op, ...args } = message as { ask: number; op: string };
    try {
      process.send?.({ ask, value: await all[op]?.(args as never) });
    } catch (error) {
      process.send?.({ ask, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  const end = async () => {
    await onEnd();
    process.exit(0);
  };
  process.once('SIGTERM', () => void end());
  process.once('disconnect', () => void end());
  process.send?.({ ready: true });
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1000, atMs: performance.now() };
}

/** Bytes of the process, after what nobody holds any more was given back. */
function memory(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage.rss();
}
