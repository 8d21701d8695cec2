import { AppError } from '../contracts/errors.ts';
import type { Clock } from '../contracts/host.ts';
import { type Crowd, Gathering } from './gathering.ts';

const MOST = 256;

export interface BatchedOptions<Asked, Answer> {
  /** Asks for all of them; the answer tells what is each one's. */
  ask(asked: readonly Asked[]): Promise<(asked: Asked) => Answer>;
  /** two with the same key never share a batch, and keep their order */
  keyOf(asked: Asked): string;
  crowd: Crowd;
  clock: Clock;
}

interface Waiting<Asked, Answer> {
  asked: Asked;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Makes of a question about many one that is asked for each: those that come while a batch is under way make the next one, which in a crowd
 * waits a moment for more. A batch that fails is asked again one by one, so that nobody fails for what another asked, unless the database
 * is away.
 */
export function batched<Asked, Answer>(options: BatchedOptions<Asked, Answer>): (asked: Asked) => Promise<Answer> {
  const { keyOf, clock } = options;
  const gathering = new Gathering(options.crowd);
  const waiting: Waiting<Asked, Answer>[] = [];
  let isRunning = false;

  const take = (): Waiting<Asked, Answer>[] => {
    const keys = new Set<string>();
    const later: Waiting<Asked, Answer>[] = [];
    const batch: Waiting<Asked, Answer>[] = [];
    for (const one of waiting.splice(0)) {
      const key = keyOf(one.asked);
      if (batch.length >= MOST || keys.has(key)) later.push(one);
      else batch.push(one);
      keys.add(key);
    }
    waiting.push(...later);
    return batch;
  };
  const answer = async (batch: Waiting<Asked, Answer>[]): Promise<void> => {
    try {
      const answerTo = await options.ask(batch.map(({ asked }) => asked));
      for (const { asked, resolve } of batch) resolve(answerTo(asked));
    } catch (error) {
      if (batch.length > 1 && !isAway(error)) for (const one of batch) await answer([one]);
      else for (const one of batch) one.reject(error);
    }
  };
  const run = async (): Promise<void> => {
    isRunning = true;
    while (waiting.length > 0) {
      const waitMs = gathering.waitMs(clock.monotonicMs(), waiting.length);
      if (waitMs > 0) await clock.sleep(waitMs);
      await answer(take());
    }
    isRunning = false;
  };
  return (asked) =>
    new Promise((resolve, reject) => {
      gathering.note(clock.monotonicMs());
      waiting.push({ asked, resolve, reject });
      if (!isRunning) void run();
    });
}

function isAway(error: unknown): boolean {
  return error instanceof AppError && error.code === 'db.unavailable';
}
