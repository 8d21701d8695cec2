import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../contracts/host.ts';
import { writeFileDurably } from '../lib/files.ts';
import type { FlowElement } from './flow-files.ts';
import { FlowFolder } from './flow-folder.ts';
import { createLibraryFiles, type LibraryFiles } from './library-files.ts';

/** What Node-RED asks of a storage module. */
export interface FlowStorage extends LibraryFiles {
  init(): Promise<void>;
  getFlows(): Promise<FlowElement[]>;
  saveFlows(flows: FlowElement[]): Promise<void>;
  getCredentials(): Promise<Record<string, unknown>>;
  saveCredentials(credentials: Record<string, unknown>): Promise<void>;
  getSettings(): Promise<Record<string, unknown>>;
  saveSettings(settings: Record<string, unknown>): Promise<void>;
  getSessions(): Promise<Record<string, unknown>>;
  saveSessions(sessions: Record<string, unknown>): Promise<void>;
}

export interface FlowStorageOptions {
  /** flows, one file a tab, nothing secret: may be a git checkout */
  flowsDir: string;
  /** credentials (encrypted by Node-RED), settings and sessions, readable by the owner only */
  userDir: string;
  log: Log;
  /**
   * Looks at flows before they are written; `changed` are the ids of tabs and subflows that this would change. What it throws refuses the
   * deploy and reaches the operator's screen.
   */
  check?: (flows: FlowElement[], changed: ReadonlySet<string>) => void | Promise<void>;
}

/**
 * Storage module for Node-RED: a deploy of one node changes one file. A plain object, because the runtime looks for the settings and
 * session functions with `hasOwnProperty` and would silently do without those of a class.
 */
export function createFlowStorage(options: FlowStorageOptions): FlowStorage {
  const { userDir, log } = options;
  const folder = new FlowFolder(options.flowsDir, log);
  const turn = oneAtATime();
  const secretFile = (name: string) => ({
    read: () => readJson(join(userDir, name), log),
    write: (value: Record<string, unknown>) =>
      turn(() => writeFileDurably(join(userDir, name), `${JSON.stringify(value, null, 2)}\n`, 0o600)),
  });
  const credentials = secretFile('credentials.json');
  const settings = secretFile('settings.json');
  const sessions = secretFile('sessions.json');
  return {
    init: () => folder.open(),
    getFlows: () => turn(() => folder.load()),
    saveFlows: (flows) =>
      turn(async () => {
        await options.check?.(flows, folder.changedBy(flows));
        const { written, removed } = await folder.save(flows);
        if (written.length + removed.length > 0) log.info('flows saved', { written, removed });
      }),
    getCredentials: credentials.read,
    saveCredentials: credentials.write,
    getSettings: settings.read,
    saveSettings: settings.write,
    getSessions: sessions.read,
    saveSessions: sessions.write,
    ...createLibraryFiles(join(userDir, 'lib')),
  };
}

async function readJson(path: string, log: Log): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    if (!(error instanceof SyntaxError)) throw error;
    // Written durably by us, so only a hand or a bad disk gets it here; the engine must start all the same.
    log.error('file cannot be read and counts as empty', { file: path, error });
    return {};
  }
}

function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
