import { median, percentile } from '../cpu.ts';

/** One line of the table. */
export interface Row {
  what: string;
  /** in words, as `p95 ≤ 60 ms`; undefined: a figure without a goal of its own */
  goal?: string;
  measured: string;
  /** undefined: nothing to judge, or nothing measured */
  isMet?: boolean;
}

/** A row with a number that must not be larger than the goal. */
export function atMost(what: string, value: number, most: number, unit: string, more = ''): Row {
  const measured = `${show(value)} ${unit}${more}`;
  return { what, goal: `≤ ${show(most)} ${unit}`, measured, isMet: value <= most };
}

/** A row whose p95 must not be larger than the goal. */
export function p95AtMost(what: string, ms: readonly number[], mostMs: number, more = ''): Row {
  const p95 = percentile(ms, 0.95);
  const measured = `p50 ${show(median(ms))}, p95 ${show(p95)} ms of ${ms.length} pictures${more}`;
  return { what, goal: `p95 ≤ ${mostMs} ms`, measured, isMet: p95 <= mostMs };
}

/** Prints the table. */
export function printRows(rows: readonly Row[]): void {
  console.log('| | goal | measured | |');
  console.log('|---|---|---|---|');
  for (const { what, goal = '', measured, isMet } of rows) {
    const verdict = isMet === undefined ? '' : isMet ? 'reached' : '**missed**';
    console.log(`| ${what} | ${goal} | ${measured} | ${verdict} |`);
  }
}

/** A number as people read it: three digits that count. */
export function show(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
