import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Log } from '../../runtime/contracts/host.ts';
import { type FlowElement, parseFlowFile } from '../../runtime/flow-engine/flow-files.ts';
import { createFlowStorage, type FlowStorage } from '../../runtime/flow-engine/storage.ts';

/**
 * Flows of a device, as Node-RED asks for them: the tabs below `flowsDir`/edge, enabled. A file that cannot be read is named and left
 * out; the other tabs run. There is no editor here, so nothing is saved.
 */
export function createEdgeStorage(options: { flowsDir: string; userDir: string; log: Log }): FlowStorage {
  const { flowsDir, log } = options;
  return {
    ...createFlowStorage(options),
    init: async () => undefined,
    getFlows: () => readTabs(join(flowsDir, 'edge'), log),
    async saveFlows() {
      throw new AppError('flow.invalid', 'flows of a device come by deployment');
    },
  };
}

async function readTabs(folder: string, log: Log): Promise<FlowElement[]> {
  const flows: FlowElement[] = [];
  for (const name of await namesIn(folder)) {
    if (!name.endsWith('.json') || name.startsWith('.') || name === '_index.json') continue;
    try {
      flows.push(...parseFlowFile(await readFile(join(folder, name), 'utf8')));
    } catch (error) {
      log.error('a file of flows is left out', { file: name, error });
    }
  }
  return flows;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
