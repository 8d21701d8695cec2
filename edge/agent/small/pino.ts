import { writeSync } from 'node:fs';

type Fields = Record<string, unknown>;
const LEVELS: Readonly<Record<string, number>> = { debug: 20, info: 30, warn: 40, error: 50, silent: 99 };
/** How long a full pipe is left alone before it is tried again, ms. */
const FULL_MS = 10;

export interface DestinationStream {
  write(line: string): void;
}

export interface Settings {
  level: string;
  redact: { paths: string[]; censor: string };
  serializers: Record<string, (value: unknown) => unknown>;
}

export type Logger = Record<'debug' | 'info' | 'warn' | 'error', (fields: Fields, message: string) => void> & {
  child(bindings: Fields): Logger;
};

/**
 * What `runtime/lib/log.ts` uses of pino, with the same lines (a test compares them): level, time, fields, `msg`; hidden secrets; errors with
 * their causes. The package brings workers and streams along, 2 MB resident, of which an agent that writes a few lines a minute uses nothing.
 */
export function pino(settings: Settings, destination: DestinationStream): Logger {
  const { level, redact, serializers } = settings;
  // Paths name a secret at the top, or below one or two wildcards.
  const secrets = new Set(redact.paths.filter((path) => !path.includes('.')));
  const levels = Math.max(0, ...redact.paths.map((path) => path.split('.').length));
  const hide = (value: unknown, depth: number): unknown => {
    if (depth >= levels || typeof value !== 'object' || value === null || 'toJSON' in value) return value;
    if (Array.isArray(value)) return value.map((item) => hide(item, depth + 1));
    const all = Object.entries(value).map(([name, part]) => [
      name,
      secrets.has(name) && part !== undefined ? redact.censor : hide(part, depth + 1),
    ]);
    return Object.fromEntries(all);
  };
  const serialized = (fields: Fields): Fields =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, serializers[name]?.(value) ?? value]));
  const make = (bindings: Fields): Logger => {
    const at = (name: string) => (fields: Fields, message: string) => {
      if ((LEVELS[name] ?? 0) < (LEVELS[level] ?? 0)) return;
      const hidden = hide(serialized({ ...bindings, ...fields }), 0) as Fields;
      destination.write(`${textOf({ level: name, time: Date.now(), ...hidden, msg: message })}\n`);
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (more) => make({ ...bindings, ...more }),
    };
  };
  return make({});
}

pino.stdSerializers = { errWithCause };

/** Writes to a descriptor, at once. A reader that is slow is waited for; without one, nothing is written any more. */
pino.destination = ({ dest }: { dest: number; sync: true }): DestinationStream => {
  let isGone = false;
  return {
    write(line) {
      let rest: Uint8Array = Buffer.from(line, 'utf8');
      while (!isGone && rest.length > 0) {
        try {
          rest = rest.subarray(writeSync(dest, rest));
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
          else if (code === 'EPIPE' || code === 'EBADF') isGone = true;
          else return;
        }
      }
    },
  };
};

/** An error as fields: type, message, stack, cause, and whatever else is on it. */
function errWithCause(value: unknown, seen: readonly unknown[] = []): unknown {
  if (!isErrorLike(value)) return value;
  const on = [...seen, value];
  const of = (part: unknown) => (isErrorLike(part) && !on.includes(part) ? errWithCause(part, on) : undefined);
  const own = Object.entries(value).map(([name, part]) => [name, isErrorLike(part) ? of(part) : part]);
  const { cause, errors, message, stack } = value as Error & { errors?: unknown };
  return {
    type: value.constructor?.name ?? value.name,
    message,
    stack,
    ...(Array.isArray(errors) && { aggregateErrors: errors.map((one) => errWithCause(one, on)) }),
    ...(isErrorLike(cause) && { cause: of(cause) }),
    ...Object.fromEntries(own.filter(([name]) => !['type', 'message', 'stack', 'cause'].includes(String(name)))),
  };
}

function isErrorLike(value: unknown): value is Error {
  return typeof (value as { message?: unknown } | null | undefined)?.message === 'string';
}

function textOf(line: Fields): string {
  try {
    return JSON.stringify(line);
  } catch {
    const seen = new WeakSet<object>();
    return JSON.stringify(line, (_name, value: unknown) => {
      if (typeof value === 'bigint') return Number(value);
      if (typeof value !== 'object' || value === null) return value;
      if (seen.has(value)) return '[Circular]';
      seen.add(value);
      return value;
    });
  }
}
