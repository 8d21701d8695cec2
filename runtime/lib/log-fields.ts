import { types } from 'node:util';

type Fields = Record<string, unknown>;

/** Field names whose values never reach a log line, wherever they sit in it. */
const SECRETS = new Set(['password', 'token', 'secret', 'key', 'authorization', 'cookie', 'api_key', 'device_key']);
const HIDDEN = '••••';
const MOST_DEPTH = 6;
const MOST_ITEMS = 100;

/**
 * The fields of a log line as plain JSON, whatever was given: secrets hidden, bytes as their number, errors with their cause. It never throws:
 * a line about a failure must not be the next one.
 */
export function plainFields(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, named(name, value, [])]));
}

function named(name: string, value: unknown, above: readonly object[]): unknown {
  if (SECRETS.has(name) && value !== undefined) return HIDDEN;
  try {
    return plain(value, above);
  } catch {
    return '[unreadable]';
  }
}

function plain(value: unknown, above: readonly object[]): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (above.includes(value)) return '[circular]';
  if (above.length >= MOST_DEPTH) return '[deeper]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const on = [...above, value];
  if (types.isNativeError(value)) return errorFields(value, on);
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON(), on);
  if (Array.isArray(value)) return value.slice(0, MOST_ITEMS).map((item) => named('', item, on));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, named(name, part, on)]));
}

/** Of what a library hangs on an error (a request, its answer, a socket) nothing but simple values: nobody knows what lies in the rest. */
function errorFields(error: Error & { errors?: unknown; details?: unknown }, on: readonly object[]): Fields {
  const { cause, details, errors, message, name, stack } = error;
  const simple = Object.entries(error).filter(([, part]) => typeof part !== 'object' && typeof part !== 'function');
  return {
    type: error.constructor?.name || name,
    message,
    stack,
    ...Object.fromEntries(simple.map(([key, part]) => [key, named(key, part, on)])),
    ...(details !== undefined && { details: named('details', details, on) }),
    ...(Array.isArray(errors) && { aggregateErrors: named('', errors, on) }),
    ...(cause !== undefined && { cause: named('cause', cause, on) }),
  };
}
