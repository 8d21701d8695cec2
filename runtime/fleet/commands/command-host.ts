import type { CommandHost, CommandRecord, CommandState, CommandUpdate } from '../../contracts/commands.ts';
import type { CommandService } from '../../contracts/services.ts';

const OVER: ReadonlySet<CommandState> = new Set(['done', 'failed', 'expired']);
const BY_FLOW = { name: 'flow' };

/** Commands as nodes send them. */
export function createCommandHost(commands: Pick<CommandService, 'issue' | 'get' | 'watch'>): CommandHost {
  return {
    async run({ device, name, args, ttlMs }, { signal, onUpdate } = {}) {
      signal?.throwIfAborted();
      const early: CommandUpdate[] = [];
      let hear = (update: CommandUpdate): void => void early.push(update);
      // From before it is sent: its end may come before `issue` answers.
      const release = commands.watch((update) => {
        if (update.device === device) hear(update);
      });
      try {
        const { id } = await commands.issue(device, { name, args, ttl_s: ttlMs / 1000 }, BY_FLOW);
        return await new Promise<CommandRecord>((resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
          hear = (update) => {
            if (update.id !== id) return;
            onUpdate?.(update);
            if (OVER.has(update.state)) commands.get(id).then(resolve, reject);
          };
          for (const update of early) hear(update);
        });
      } finally {
        release();
      }
    },
  };
}
