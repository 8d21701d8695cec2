import type { Transition } from '../../contracts/detection.ts';

/** One event as JSON; times in seconds from the first picture. */
export function jsonLine(event: Transition, first: number): string {
  return JSON.stringify({
    type: event.type,
    roi: event.rois[0] ?? null,
    start: seconds(event.startedAt - first),
    end: event.endedAt === undefined ? null : seconds(event.endedAt - first),
    stock_changed: event.stockChanged,
    score: event.score,
  });
}

const COLUMNS = [22, 14, 9, 9, 8, 7] as const;

/** First line of the table. */
export function heading(): string {
  return row(['event', 'roi', 'start s', 'end s', 'stock', 'score'], 'why it ended');
}

/** One event as a line of the table. */
export function tableLine(event: Transition, first: number): string {
  const stock = event.stockChanged === null ? '-' : event.stockChanged ? 'changed' : 'same';
  const end = event.endedAt === undefined ? '-' : seconds(event.endedAt - first).toFixed(2);
  const cells = [event.type, event.rois[0] ?? '-', seconds(event.startedAt - first).toFixed(2), end, stock];
  const decision = event.details.decision as { ended?: string } | undefined;
  return row([...cells, event.score.toFixed(2)], decision?.ended ?? '');
}

/** Last line of the table. */
export function summary(pictures: number, lengthMs: number, events: number): string {
  return `${pictures} pictures, ${seconds(lengthMs)} s, ${events} ${events === 1 ? 'event' : 'events'}`;
}

function row(cells: string[], last: string): string {
  return `${cells.map((cell, i) => cell.padEnd(COLUMNS[i] ?? 0)).join(' ')} ${last}`.trimEnd();
}

function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}
