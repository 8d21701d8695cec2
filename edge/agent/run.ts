import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import { writeCompiledCode } from '../../runtime/lib/compiled-code.ts';
import { createLog } from '../../runtime/lib/log.ts';
import { openLogFile } from '../../runtime/lib/log-file.ts';
import { parseCameraUrl } from '../../runtime/media/camera-url.ts';
import { EdgeSettings, readSettings, readUnnamed, type Settings } from '../settings.ts';
import { productVersion } from '../version.ts';
import { Agent } from './agent.ts';
import { childEnvironment } from './child-environment.ts';
import { type Identity, identityOf } from './identity.ts';
import { LogTail } from './log-tail.ts';
import { modelOf } from './model.ts';
import { PairingPage } from './pairing-page.ts';
import { agentClock } from './small/clock.ts';
import { CHILD_FLAGS } from './small-heap.ts';
import { Watchdog } from './watchdog.ts';

/** What runs from source is tested from source. */
const EXTENSION = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';

/** The agent process from its settings to its end. Ends with one sentence on a wrong setting, and by itself on nothing else. */
export async function runEdge(): Promise<void> {
  // From the first moment: a device may wait for days until somebody pairs it.
  await new Watchdog({ env: process.env, clock: agentClock, log: createLog({ level: 'info' }) }).start();
  const { env, key } = await identifyOrEnd();
  const settings = readOrEnd(env);
  const logTail = new LogTail();
  const file = orEnd(() => openLogFile(settings.LOG_FILE));
  const onLine = (line: string) => {
    logTail.add(line);
    file?.add(line);
  };
  const log = createLog({ level: settings.LOG_LEVEL, onLine });
  const agent = new Agent({
    settings,
    key,
    version: productVersion(),
    clock: agentClock,
    log,
    logTail,
    askFolder: process.env.RUNTIME_DIRECTORY,
    child: {
      entry: join(import.meta.dirname, '..', 'runtime', `main.${EXTENSION}`),
      execArgv: CHILD_FLAGS,
      env: childEnvironment(env, Object.keys(EdgeSettings.properties), [key, ...settings.AUTHORIZED_API_KEYS]),
    },
  });
  let ending = false;
  const end = async (signal: string) => {
    if (ending) return;
    ending = true;
    log.info('stopping', { signal });
    await agent.stop();
    process.exit(0);
  };
  process.on('SIGINT', () => void end('SIGINT'));
  process.on('SIGTERM', () => void end('SIGTERM'));
  // Started by another process of ours (npm start): without it there is nobody to stop this one.
  process.on('disconnect', () => void end('disconnect'));
  process.on('uncaughtException', (error) => {
    log.error('the agent failed', { error });
    agent.abandon();
    process.exit(1);
  });
  try {
    await agent.start();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    endWith(error);
  }
  log.info('the edge runs', { device: settings.DEVICE_ID, server: settings.SERVER_URL });
  writeCompiledCode();
}

/** The environment with the name that the device has, and its key; waits for as long as nobody has paired it. */
async function identifyOrEnd(): Promise<{ env: NodeJS.ProcessEnv; key: string }> {
  try {
    const known = readUnnamed(process.env);
    // A wrong setting is told before somebody walks to a screen with a code.
    const settings = readOrEnd({ ...process.env, DEVICE_ID: known.device ?? 'unnamed' });
    const log = createLog({ level: 'info' });
    const page = new PairingPage({ port: settings.EDGE_PORT, host: settings.EDGE_HOST, log: log.child('pairing') });
    const identity: Identity = await identityOf({
      ...known,
      model: await modelOf(),
      clock: agentClock,
      log,
      onPairing: () => page.start(),
      say(code, until) {
        page.show({ code, server: known.server, until });
        process.stdout.write(sayCode(known.server, code, until));
      },
    });
    // The flow process takes the port over.
    await page.stop();
    return { env: { ...process.env, DEVICE_ID: identity.device }, key: identity.key };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return endWith(error);
  }
}

function sayCode(server: string, code: string, until: string): string {
  const minutes = Math.max(1, Math.round((Date.parse(until) - Date.now()) / 60_000));
  return `\n  Pairing code   ${code}\n  Type it at ${server} under Devices, Pair a device, within ${minutes} minutes.\n\n`;
}

function readOrEnd(env: NodeJS.ProcessEnv): Settings {
  return orEnd(() => {
    const settings = readSettings(env);
    try {
      parseCameraUrl(settings.CAMERA);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('setting.invalid', `CAMERA: ${why}`, { field: 'CAMERA' }, { cause });
    }
    return settings;
  });
}

/** What the work answers; a wrong setting ends the process with its sentence. */
function orEnd<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return endWith(error);
  }
}

function endWith(error: AppError): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
