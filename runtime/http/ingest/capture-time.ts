import { malformed } from './multipart.ts';

/** Numbers from here on are milliseconds, below they are seconds. */
const FIRST_MILLISECONDS = 1e11;
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * `capture_ts` in epoch ms: RFC 3339 with its zone, or epoch seconds, or ms from 1e11 on. Throws `frame.malformed`; a time
 * without a zone is refused, since nobody can say which one was meant.
 */
export function parseCaptureTime(value: string | number): number {
  const ms =
    typeof value === 'string' ? fromText(value) : Math.round(value < FIRST_MILLISECONDS ? value * 1000 : value);
  if (ms === undefined || !(ms <= LAST_MS)) {
    throw malformed('capture_ts must be a date and time with zone (RFC 3339), or epoch seconds or ms', 'capture_ts');
  }
  return ms;
}

function fromText(text: string): number | undefined {
  const match = RFC3339.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const zoneHours = Number(match[9] ?? 0);
  const zoneMinutes = Number(match[10] ?? 0);
  if (hour > 23 || minute > 59 || second > 60 || zoneHours > 23 || zoneMinutes > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that its month does not have would roll over into the next one.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const millis = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offset = (match[8] === '-' ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  return date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + millis;
}
