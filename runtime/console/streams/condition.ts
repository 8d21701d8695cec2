import type { StreamRecord } from '../../contracts/published.ts';
import { sentence } from '../shell/failures.ts';
import { relative } from '../shell/times.ts';
import { words } from '../strings.ts';

type Tone = 'good' | 'warn' | 'bad' | 'off' | 'info';
const TONES: Record<StreamRecord['state'], Tone> = {
  idle: 'off',
  connecting: 'info',
  live: 'good',
  stalled: 'warn',
  waiting: 'warn',
  failed: 'bad',
};

/** The state of a stream as a word and its tone. */
export function stateOf({ state }: Pick<StreamRecord, 'state'>): { tone: Tone; text: string } {
  return { tone: TONES[state], text: words.streams.states[state] };
}

/** Why it is as it is, in words: what to do first, then what the other side said, then when it is tried again. */
export function whyOf(stream: Pick<StreamRecord, 'state' | 'reason' | 'retry_at'>, nowMs: number): string {
  const say = words.streams;
  const { state, reason, retry_at } = stream;
  const known = reason === null ? undefined : say.reasons.find(([pattern]) => pattern.test(reason))?.[1];
  const general: Record<string, string> = say.waiting;
  const parts = [
    known,
    reason === null ? general[state] : known === undefined ? sentence(reason) : sentence(say.said(reason)),
    isTried(stream) && retry_at !== null
      ? say.retry(relative(Math.max(nowMs, Date.parse(retry_at)), nowMs))
      : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(' ');
}

/** It comes back by itself at the time it gives. */
function isTried({ state, retry_at }: Pick<StreamRecord, 'state' | 'retry_at'>): boolean {
  return retry_at !== null && (state === 'waiting' || state === 'failed');
}

/** It stays failed until somebody begins it anew. */
export function isStuck({ state, retry_at }: Pick<StreamRecord, 'state' | 'retry_at'>): boolean {
  return state === 'failed' && retry_at === null;
}

/** How many streams are well, on their way, in trouble and off. */
export function sumOf(streams: readonly Pick<StreamRecord, 'state'>[]): string[] {
  const { sum } = words.streams;
  const count = (...tones: Tone[]) => streams.filter(({ state }) => tones.includes(TONES[state])).length;
  const parts: [number, (count: number) => string][] = [
    [count('good'), sum.live],
    [count('info'), sum.coming],
    [count('warn', 'bad'), sum.trouble],
    [count('off'), sum.off],
  ];
  return parts.filter(([number]) => number > 0).map(([number, text]) => text(number));
}
