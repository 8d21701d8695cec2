import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Log } from '../../runtime/contracts/host.ts';
import { type FlowElement, parseFlowFile } from '../../runtime/flow-engine/flow-files.ts';
import { createFlowStorage, type FlowStorage } from '../../runtime/flow-engine/storage.ts';
import type { FlowLoad } from '../ipc.ts';

/**
 * Flows of a device, as Node-RED asks for them: what was deployed, or the tabs below `flowsDir`/edge, enabled. A file that cannot be read
 * is named and left out; the other tabs run. There is no editor here, so nothing is saved, and deployed credentials stay in memory.
 */
export function createEdgeStorage(options: {
  flowsDir: string;
  userDir: string;
  log: Log;
  /** default: what the device was shipped with */
  load?: () => Promise<Pick<FlowLoad, 'flows' | 'credentials'>>;
}): FlowStorage {
  const { flowsDir, load = async () => ({ flows: null, credentials: null }), log } = options;
  const files = createFlowStorage(options);
  return {
    ...files,
    init: async () => undefined,
    async getFlows() {
      const { flows } = await load();
      return structuredClone(flows) ?? readTabs(join(flowsDir, 'edge'), log);
    },
    async getCredentials() {
      const { credentials } = await load();
      return structuredClone(credentials) ?? files.getCredentials();
    },
    async saveCredentials(credentials) {
      if ((await load()).credentials === null) await files.saveCredentials(credentials);
    },
    async saveFlows(flows) {
      // The engine says what it was just given; it stands in the slot already.
      if (isDeepStrictEqual(flows, (await load()).flows)) return;
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
