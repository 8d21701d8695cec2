import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock } from '../../runtime/contracts/host.ts';
import type { RedeyeMessage } from '../lib/messages.ts';

export const COMMANDS = [
  'status',
  'enable',
  'disable',
  'abort',
  'step',
  'open',
  'close',
  'valve-open',
  'valve-close',
  'valve-position',
] as const;
export type CommandName = (typeof COMMANDS)[number];

export interface Command {
  name: CommandName;
  /** with its sign */
  steps?: number;
  rpm?: number;
}

/** The valve of seed 001: it knows percent, moves in pieces of 5, and stands at 45 at first (§2.2). */
export const VALVE = { first: 45, piece: 5 } as const;

/** A command as payload (`open`, or `{command, steps, rpm, direction}`) or as topic. Throws `message.invalid`. */
export function commandOf({ payload, topic }: RedeyeMessage, maxRpm: number): Command {
  const asked = typeof payload === 'object' && payload !== null && !Buffer.isBuffer(payload) ? { ...payload } : {};
  const { command, steps, rpm, direction } = asked as Record<string, unknown>;
  const name = COMMANDS.find((one) => one === command || one === payload) ?? COMMANDS.find((one) => one === topic);
  if (!name) throw wrong('payload', `must be one of ${COMMANDS.join(', ')}`);
  if (direction !== undefined && direction !== 'fwd' && direction !== 'rev')
    throw wrong('direction', 'must be fwd or rev');
  const found = numberOf(steps, 'steps', -1_000_000, 1_000_000);
  if (name === 'step' && (found === undefined || !Number.isInteger(found)))
    throw wrong('steps', 'must be a whole number');
  const speed = numberOf(rpm, 'rpm', 0.1, maxRpm);
  return {
    name,
    ...(found !== undefined && { steps: direction === 'rev' ? -found : found }),
    ...(speed !== undefined && { rpm: speed }),
  };
}

function numberOf(value: unknown, name: string, least: number, most: number): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw wrong(name, `must be a number from ${least} to ${most}`);
}

function wrong(field: string, what: string): AppError {
  return new AppError('message.invalid', `${field} ${what}`, { field });
}

/** Lets so many commands pass a second; throws `stepper.too_fast` for more. Looking and stopping are always allowed. */
export function rateLimit(perSecond: number, clock: Clock): (name: CommandName) => void {
  const gapMs = 1000 / perSecond;
  let freeMs = Number.NEGATIVE_INFINITY;
  return (name) => {
    if (name === 'status' || name === 'valve-position' || name === 'abort' || name === 'disable') return;
    const now = clock.monotonicMs();
    if (now < freeMs) {
      const retryAfterS = (freeMs - now) / 1000;
      throw new AppError('stepper.too_fast', `more than ${perSecond} commands a second`, { retryAfterS });
    }
    freeMs = now + gapMs;
  };
}
