import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { CommandTable } from './commands.ts';

/** An MQTT answer holds 256 kB, with what is around it. */
const MAX_CHARS = 240_000;

/** The command `flows`: what the engine of this process runs, as it has it; without credentials, which it keeps apart. */
export function registerFlowCommand(table: CommandTable, getFlows: () => Promise<{ flows: unknown[] }>): void {
  table.on('flows', async () => {
    const { flows } = await getFlows();
    const flows_gz = (await promisify(gzip)(JSON.stringify(flows))).toString('base64');
    if (flows_gz.length > MAX_CHARS)
      throw new AppError(
        'flow.invalid',
        `the flows here are too large to be shown: ${flows_gz.length} characters packed`,
      );
    return { flows_gz };
  });
}
