import type { Clock, Log } from '../../contracts/host.ts';
import { deleteOldCommands, hasOpenCommands } from '../../db/commands.repo.ts';
import type { Db } from '../../db/db.ts';
import type { Part } from '../../lib/part.ts';

const LOOK_EVERY_MS = 5_000;
const FORGET_AFTER_MS = 7 * 86_400_000;
const FORGET_EVERY_MS = 3_600_000;

export interface Sweep extends Part {
  /** A command was given: look again from now on. */
  wake(): void;
}

/** Has late commands ended every 5 s while there are open ones, and forgets those that ended a week ago. */
export function createSweep(options: { db: Db; clock: Clock; log: Log; endLate: () => Promise<void> }): Sweep {
  const { db, clock, log, endLate } = options;
  let running = false;
  let cancel: (() => void) | undefined;
  let looking: Promise<void> = Promise.resolve();
  let forgotAt = Number.NEGATIVE_INFINITY;
  const look = async () => {
    await endLate();
    if (clock.monotonicMs() - forgotAt >= FORGET_EVERY_MS) {
      forgotAt = clock.monotonicMs();
      await deleteOldCommands(db, new Date(clock.now() - FORGET_AFTER_MS));
    }
    return hasOpenCommands(db);
  };
  const plan = () => {
    if (!running || cancel) return;
    cancel = clock.after(LOOK_EVERY_MS, () => {
      cancel = undefined;
      looking = look().then(
        (more) => {
          if (more) plan();
        },
        (error) => {
          log.warn('late commands could not be looked for', { error });
          plan();
        },
      );
    });
  };
  return {
    async start() {
      running = true;
      plan();
    },
    async stop() {
      running = false;
      cancel?.();
      cancel = undefined;
      await looking;
    },
    wake: plan,
  };
}
