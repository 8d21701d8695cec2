import { type DestinationStream, type Logger, pino } from 'pino';
import type { Log } from '../contracts/host.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Field names whose values never reach a log line, wherever they sit in it. */
const SECRET_FIELDS = ['password', 'token', 'secret', 'key', 'authorization', 'cookie', 'api_key', 'device_key'];
const redacted = SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** One JSON object a line: `time` (epoch ms), `level`, `scope`, `msg`, fields; an `error` field is written with its cause. */
export function createLog(options: {
  level: LogLevel;
  destination?: DestinationStream;
  /** sees each line as it is written, secrets hidden */
  onLine?: (line: string) => void;
}): Log {
  const settings = {
    level: options.level,
    base: null,
    redact: { paths: redacted, censor: '••••' },
    serializers: { error: pino.stdSerializers.errWithCause },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Written at once, as console.log does: what would be flushed at exit tries for ever once the reader of a pipe is gone.
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true });
  return wrap(pino(settings, options.onLine ? seenBy(options.onLine, destination) : destination));
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

function wrap(logger: Logger, scope = ''): Log {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    child(name) {
      const full = scope ? `${scope}.${name}` : name;
      return wrap(logger.child({ scope: full }), full);
    },
  };
}
