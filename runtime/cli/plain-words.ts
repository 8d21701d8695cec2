import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
/** Fields that are of the log, not of the message. */
const OWN = new Set(['time', 'level', 'scope', 'msg', 'pid', 'hostname']);

/** Turns a program's JSON log lines into lines for people, prefixed with who speaks; anything else passes as it is. */
export function speakPlainly(who: string, stream: Readable, write: (line: string) => void): void {
  createInterface({ input: stream }).on('line', (line) => write(plainLine(who, line)));
}

/** One log line for people: `12:30:05  server  event started  camera=demo-pi-cam rois=left`. */
export function plainLine(who: string, line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return `${' '.repeat(10)}${who.padEnd(8)}${line}`;
  }
  const at = TIME.format(typeof entry.time === 'number' ? entry.time : Date.now());
  const loud = entry.level === 'error' ? 'ERROR ' : entry.level === 'warn' ? 'note: ' : '';
  const fields = Object.entries(entry)
    .filter(([name, value]) => !OWN.has(name) && value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(' ');
  return `${at}  ${who.padEnd(8)}${loud}${String(entry.msg ?? '')}${fields ? `  ${fields}` : ''}`;
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 300 ? `${value.slice(0, 299)}…` : value;
  if (Array.isArray(value)) return value.map(shown).join(',');
  if (typeof value === 'object' && value !== null) {
    const { message } = value as { message?: unknown };
    return typeof message === 'string' ? message : JSON.stringify(value);
  }
  return String(value);
}
