import { type DestinationStream, type Logger, pino } from 'pino';
import type { Log } from '../contracts/host.ts';
import { plainFields } from './log-fields.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** One JSON object a line: `time` (epoch ms), `level`, `scope`, `msg`, fields as plain JSON; errors with their cause. */
export function createLog(options: {
  level: LogLevel;
  destination?: DestinationStream;
  /** sees each line as it is written, secrets hidden */
  onLine?: (line: string) => void;
}): Log {
  const settings = {
    level: options.level,
    base: null,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Written at once, as console.log does: what would be flushed at exit tries for ever once the reader of a pipe is gone.
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true });
  const logger = pino(settings, options.onLine ? seenBy(options.onLine, destination) : destination);
  return wrap(logger, options.level === 'debug');
}

function seenBy(onLine: (line: string) => void, destination: DestinationStream): DestinationStream {
  return {
    write(line) {
      destination.write(line);
      onLine(line);
    },
  };
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

function wrap(logger: Logger, saysDebug: boolean, scope = ''): Log {
  return {
    debug(message, fields = {}) {
      if (saysDebug) logger.debug(plainFields(fields), message);
    },
    info: (message, fields = {}) => logger.info(plainFields(fields), message),
    warn: (message, fields = {}) => logger.warn(plainFields(fields), message),
    error: (message, fields = {}) => logger.error(plainFields(fields), message),
    child(name) {
      const full = scope ? `${scope}.${name}` : name;
      return wrap(logger.child({ scope: full }), saysDebug, full);
    },
  };
}
