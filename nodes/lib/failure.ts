import type { Node } from 'node-red';
import { type AppError, toAppError } from '../../runtime/contracts/errors.ts';
import type { Log } from '../../runtime/contracts/host.ts';
import type { StatusLine } from './status.ts';

/**
 * The one place where a node's error leaves it: status in words, a log line with the stack for what was not foreseen, and the answer
 * is an Error for Node-RED whose `code` reaches `catch` nodes as `msg.error.code`. What a closing node throws is nobody's error:
 * undefined.
 */
export function reportFailure(
  from: { node: Node; status: StatusLine; log: Log; signal: AbortSignal },
  thrown: unknown,
): Error | undefined {
  if (from.signal.aborted) return undefined;
  const error = toAppError(thrown);
  from.status.failed(wordsOf(error));
  if (error.code === 'internal.error') from.log.error('node failed', { node: from.node.id, error: thrown });
  return shownError(error);
}

/** Whoever edits flows may know what else there is. */
function wordsOf({ message, details: { known } }: AppError): string {
  return Array.isArray(known) && known.length > 0 ? `${message}; there is ${known.join(', ')}` : message;
}

// Node-RED prints `name: message` to the person at the editor and copies own properties only, so the name is the code.
function shownError(error: AppError): Error {
  const shown = new Error(wordsOf(error), error.cause === undefined ? {} : { cause: error.cause });
  shown.name = error.code;
  if (error.stack) shown.stack = error.stack;
  return Object.assign(shown, { code: error.code, details: error.details });
}
