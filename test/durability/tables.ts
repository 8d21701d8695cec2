import type { EdgeReport } from './edge-run.ts';
import type { Stroke } from './nemesis.ts';
import type { RunReport } from './run.ts';

/** The ledger's summary of a run against the server. */
export function serverTable(strokes: readonly Stroke[], { ledger, verdict, jobs, restartsMs }: RunReport): string {
  const kinds = [...new Set(strokes)].map((kind) => `${strokes.filter((each) => each === kind).length} ${kind}`);
  const n = ledger.ok;
  return table([
    ['kills', `${strokes.length} (${kinds.join(', ')})`],
    ['frames sent / tries', `${ledger.frames} / ${ledger.tries}`],
    ['answered ok', `${ledger.ok}`],
    ['answered failed (4xx)', `${ledger.failed}`],
    ['unknown, of these stored', `${ledger.unknown}, ${verdict.unknownStored}`],
    ['rows, jobs', `${verdict.rows}, ${JSON.stringify(jobs)}`],
    ['acknowledged and lost', counted(verdict.lost, n)],
    ['with other bytes', counted(verdict.changed, n)],
    ['doubled', counted(verdict.doubled, n)],
    ['rows without bytes', counted(verdict.rowsWithoutBytes, verdict.rows)],
    ['failed, yet stored', counted(verdict.refusedButStored, ledger.failed)],
    ['never sent, yet stored', counted(verdict.alien, verdict.rows)],
    ['bytes without a row', counted(verdict.bytesWithoutRow, verdict.rows)],
    ['bytes of tries nobody was promised', `${verdict.superseded} superseded, ${verdict.unclaimed} given up`],
    ['torn ends of segments', `${verdict.torn}`],
    ['kill to ready, ms (median, max)', `${middle(restartsMs)}, ${Math.max(...restartsMs)}`],
  ]);
}

/** The summary of a run against the edge. */
export function edgeTable(report: EdgeReport): string {
  return table([
    ['kills of the agent', `${report.kills}`],
    ['frames stored by the server', `${report.stored}`],
    ['frames seen in the spool after a kill', `${report.seen}`],
    ['half-written files at a kill (swept)', `${report.halfWritten}`],
    ['torn, lost, changed, repeated, missing numbers', counted(report.broken, report.stored)],
  ]);
}

/** No failure in n trials says only that they are rarer than 3/n, at 95 %. */
function counted(found: readonly string[], n: number): string {
  if (found.length > 0) return `${found.length}: ${found.slice(0, 5).join('; ')}`;
  return n === 0 ? '0' : `0 of ${n} (p < ${((300 / n) as number).toPrecision(2)} %)`;
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')}\n`;
}
