import type { Readable } from 'node:stream';
import type { Log } from '../../runtime/contracts/host.ts';

const LONGEST_LINE = 4000;
const LINES_PER_SECOND = 100;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/**
 * Brings a child's output into our log, line by line. Its own log lines (JSON) keep level, scope and fields, others are quoted. Long
 * lines are cut and a flood is thinned out and counted: it must not cost the agent its memory or the card its life.
 */
export function forwardLines(stream: Readable, log: Log, otherwise: 'info' | 'warn', now: () => number): void {
  let rest = '';
  let second = 0;
  let lines = 0;
  let swallowed = 0;
  const line = (text: string) => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      if (swallowed > 0) log.warn('too much output: lines left out', { count: swallowed });
      second = current;
      lines = 0;
      swallowed = 0;
    }
    lines += 1;
    if (lines > LINES_PER_SECOND) swallowed += 1;
    else if (text.trim() !== '') write(text, log, otherwise);
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = (parts.pop() ?? '').slice(0, LONGEST_LINE);
    for (const part of parts) line(part.slice(0, LONGEST_LINE));
  });
  stream.on('end', () => line(rest));
  stream.on('error', (error) => log.warn('output cannot be read', { error }));
}

function write(text: string, log: Log, otherwise: 'info' | 'warn'): void {
  const own = ownLine(text);
  if (own) log[own.level](own.message, own.fields);
  else log[otherwise](text);
}

function ownLine(
  text: string,
): { level: (typeof LEVELS)[number]; message: string; fields: Record<string, unknown> } | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const { level, msg, time, scope, ...fields } = JSON.parse(text) as Record<string, unknown>;
    const known = LEVELS.find((name) => name === level);
    if (!known || typeof msg !== 'string') return undefined;
    return { level: known, message: msg, fields: { ...(scope ? { part: scope } : {}), ...fields } };
  } catch {
    return undefined;
  }
}
