/**
 * File names of the spool. `<seq>.frame` waits to be sent; `new-<n>.frame` waits for a number; `<seq>.last` is empty and
 * remembers the highest number ever given while no frame does.
 */
const PATTERN = /^(?:(new-)(\d{16})\.frame|(\d{16})\.(frame|last))$/;

export type SpoolName = { kind: 'frame' | 'last' | 'new'; n: number };

/** Name of a numbered frame; sorts as its number does. */
export function frameName(seq: number): string {
  return `${pad(seq)}.frame`;
}

/** Name of a frame that has no number yet. */
export function newName(n: number): string {
  return `new-${pad(n)}.frame`;
}

/** Name of the mark for the highest number given. */
export function lastName(seq: number): string {
  return `${pad(seq)}.last`;
}

/** What a file name means; undefined for an alien one. */
export function parseName(name: string): SpoolName | undefined {
  const match = PATTERN.exec(name);
  if (!match) return undefined;
  const n = Number(match[2] ?? match[3]);
  if (!Number.isSafeInteger(n)) return undefined;
  if (match[1]) return { kind: 'new', n };
  return { kind: match[4] === 'last' ? 'last' : 'frame', n };
}

function pad(n: number): string {
  return String(n).padStart(16, '0');
}
