import { join } from 'node:path';
import { readSettings, type Settings } from '../../settings.ts';
import { AppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import { systemClock } from '../lib/clock.ts';
import { writeCompiledCode } from '../lib/compiled-code.ts';
import { createLog } from '../lib/log.ts';
import { openLogFile } from '../lib/log-file.ts';
import type { Part } from '../lib/part.ts';
import { type RunningServer, startServer, VERSION } from '../main.ts';
import { SOCKET_NAME } from './admin/protocol.ts';
import { createAdminWork } from './admin/work.ts';
import { createAdminSocket } from './admin-socket.ts';
import { answerStarter } from './demo-device.ts';
import { lanBanner } from './lan-banner.ts';

/** The server process from its settings to its end: Ctrl-C and SIGTERM end it in order, a second one at once. */
export async function runServer(): Promise<void> {
  try {
    await main();
  } catch (error) {
    const text = error instanceof AppError ? error.message : String((error as Error).stack ?? error);
    process.stderr.write(`redeye: ${text}\n`);
    process.exit(1);
  }
}

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const file = openLogFile(settings.LOG_FILE);
  const log = createLog({ level: settings.LOG_LEVEL, ...(file && { onLine: file.add }) });
  let server: RunningServer | undefined;
  let admin: Part | undefined;
  let state: 'up' | 'ending' = 'up';
  const end = async (why: string, code: number) => {
    if (state === 'ending') process.exit(code);
    state = 'ending';
    log.info('stopping', { why });
    await admin?.stop();
    await server?.stop();
    process.exit(code);
  };
  process.on('SIGINT', () => void end('SIGINT', 0));
  process.on('SIGTERM', () => void end('SIGTERM', 0));
  // What nobody caught leaves the process in a state nobody knows: it ends, and whoever supervises it starts it again.
  process.on('uncaughtException', (error) => {
    log.error('unexpected error: the server ends', { error });
    process.exit(1);
  });
  process.on('unhandledRejection', (error) => {
    log.error('a promise was rejected and nobody looked', { error });
  });
  server = await startServer({ settings, log, clock: systemClock, productDir: join(import.meta.dirname, '..', '..') });
  admin = await openAdmin(server, settings, log, () => void end('npm run admin restores a backup', 0));
  const banner = lanBanner(settings);
  if (banner !== undefined) process.stderr.write(banner);
  log.info('ready', { url: server.url, flows: server.flows });
  if (process.send) answerStarter(server, () => void end('the starter is gone', 0));
  else if (server.adminPassword !== undefined) {
    process.stdout.write(
      `\nRedeye is at ${server.url}\nFirst login: admin / ${server.adminPassword}  (shown this once; change it)\n\n`,
    );
  }
  writeCompiledCode();
}

/** The door for `npm run admin`. A server without it is still a server. */
async function openAdmin(server: RunningServer, settings: Settings, log: Log, end: () => void): Promise<Part> {
  const { url, flowsNow, database } = server;
  const { DATA_DIR: dataDir, FLOWS_DIR: flowsDir } = settings;
  const live = { pid: process.pid, url, flows: flowsNow };
  const work = createAdminWork({ ...database, dataDir, flowsDir, version: VERSION, clock: systemClock, live });
  const path = join(dataDir, SOCKET_NAME);
  const socket = createAdminSocket({ path, work, end, clock: systemClock, log: log.child('admin') });
  await socket.start().catch((error) => log.warn('npm run admin cannot reach this server', { path, error }));
  return socket;
}
