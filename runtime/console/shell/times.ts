import { words } from '../strings.ts';

const UNITS: [unit: string, seconds: number][] = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
];

/** A span in words of at most two units: `4 s`, `2 min 5 s`, `3 h`, `12 d`. */
export function span(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const at = UNITS.findIndex(([, size]) => whole >= size);
  const [unit, size] = UNITS[at] ?? ['s', 1];
  const [nextUnit, nextSize] = UNITS[at + 1] ?? ['', 0];
  const rest = nextSize > 0 ? Math.floor((whole % size) / nextSize) : 0;
  return rest > 0 && unit !== 'd'
    ? `${Math.floor(whole / size)} ${unit} ${rest} ${nextUnit}`
    : `${Math.floor(whole / size)} ${unit}`;
}

/** How long ago, in one unit: `now`, `40 s ago`, `5 min ago`, `3 h ago`, `in 2 min`. */
export function relative(time: number, now: number): string {
  const seconds = Math.round((now - time) / 1000);
  const size = Math.abs(seconds);
  if (size < 3) return words.now;
  const [unit, length] = UNITS.find(([, each]) => size >= each) ?? ['s', 1];
  const text = `${Math.floor(size / length)} ${unit}`;
  return seconds < 0 ? words.ahead(text) : words.ago(text);
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
const short = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

/** The whole date and time with the zone's name, for who hovers. */
export const absolute = (time: number | string): string => full.format(new Date(time));
export const timeOfDay = (time: number | string): string => clock.format(new Date(time));
export const dayAndTime = (time: number | string): string => short.format(new Date(time));
export const day = (time: number | string): string => dayName.format(new Date(time));

/** The browser's zone by name, as `Europe/Berlin`. */
export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** Tells which day a time is on, in the browser's zone. */
export function dayKey(time: number | string): string {
  const date = new Date(time);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/** A share as a percentage with as many digits as it needs. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value >= 10 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} %`;
}

const figure = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

/** A number as people of the browser's language write it. */
export const count = (value: number): string => figure.format(value);

/** Bits a second in the unit that suits them. */
export function bitrate(perSecond: number): string {
  const kilo = perSecond / 1000;
  return kilo < 1000 ? `${Math.round(kilo)} kbit/s` : `${(kilo / 1000).toFixed(1)} Mbit/s`;
}

/** Bytes in the unit that suits them. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power - 1]}`;
}
