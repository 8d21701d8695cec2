import { AppError } from '../../runtime/contracts/errors.ts';
import type { RedeyeMessage } from './messages.ts';

const COMMANDS = ['start', 'stop', 'status'] as const;
export type Command = (typeof COMMANDS)[number];

/** `start`, `stop` or `status`, as payload or as topic; throws `message.invalid` for a message that is none of these. */
export function commandOf({ payload, topic }: RedeyeMessage): Command {
  const found = COMMANDS.find((command) => command === payload) ?? COMMANDS.find((command) => command === topic);
  if (found) return found;
  throw new AppError('message.invalid', `msg.payload must be ${COMMANDS.join(', ')}`, { field: 'msg.payload' });
}
