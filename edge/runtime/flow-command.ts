import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { CommandTable } from './commands.ts';

/** An MQTT answer holds 256 kB, with what is around it. */
const MAX_CHARS = 240_000;

/** The command `flows`: what the engine of this process runs, as it has it; without credentials, which it keeps apart. */
export function registerFlowCommand(table: CommandTable, getFlows: () => Promise<{ flows: unknown[] } | null>): void {
  table.on('flows', async () => {
    const found = await getFlows();
    // An engine that is just starting has none yet, and its type does not say so.
    if (!found) throw new AppError('flows.stopped', 'the flows are just starting');
    const { flows } = found;
    const flows_gz = (await promisify(gzip)(JSON.stringify(flows))).toString('base64');
    if (flows_gz.length > MAX_CHARS)
      throw new AppError(
        'flow.invalid',
        `the flows here are too large to be shown: ${flows_gz.length} characters packed`,
      );
    return { flows_gz };
  });
}
