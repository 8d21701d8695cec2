import { join } from 'node:path';
import { AppError } from '../../runtime/contracts/errors.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { createLog } from '../../runtime/lib/log.ts';
import { parseCameraUrl } from '../../runtime/media/camera-url.ts';
import { deviceKey, EdgeSettings, readSettings, type Settings } from '../settings.ts';
import { productVersion } from '../version.ts';
import { Agent } from './agent.ts';
import { childEnvironment } from './child-environment.ts';
import { LogTail } from './log-tail.ts';
import { CHILD_FLAGS } from './small-heap.ts';

/** What runs from source is tested from source. */
const EXTENSION = import.meta.filename.endsWith('.ts') ? 'ts' : 'js';

/** The agent process from its settings to its end. Ends with one sentence on a wrong setting, and by itself on nothing else. */
export async function runEdge(): Promise<void> {
  const { settings, key } = readOrEnd();
  const logTail = new LogTail();
  const log = createLog({ level: settings.LOG_LEVEL, onLine: (line) => logTail.add(line) });
  const agent = new Agent({
    settings,
    key,
    version: productVersion(),
    clock: systemClock,
    log,
    logTail,
    child: {
      entry: join(import.meta.dirname, '..', 'runtime', `main.${EXTENSION}`),
      execArgv: CHILD_FLAGS,
      env: childEnvironment(process.env, Object.keys(EdgeSettings.properties), [key, ...settings.AUTHORIZED_API_KEYS]),
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
}

function readOrEnd(): { settings: Settings; key: string } {
  try {
    const settings = readSettings(process.env);
    try {
      parseCameraUrl(settings.CAMERA);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new AppError('setting.invalid', `CAMERA: ${why}`, { field: 'CAMERA' }, { cause });
    }
    return { settings, key: deviceKey(settings) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return endWith(error);
  }
}

function endWith(error: AppError): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
