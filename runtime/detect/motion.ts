import type { Layout } from './layout.ts';
import { LEVELS } from './levels.ts';

/** Pictures are compared with one at least this much earlier, ms: slow movements at 30 fps are seen as well as fast ones at 2. */
const APART_MS = 150;

/** A picture at half the size, to see what moved since. */
export interface Snapshot {
  at: number;
  half: Uint8Array;
}

/** Two snapshots: `earlier` is compared with, `later` takes its place. */
export interface Recent {
  earlier: Snapshot;
  later: Snapshot;
}

/** What is remembered after another picture. */
export function follow(recent: Recent, half: Uint8Array, at: number): Recent {
  return at - recent.later.at < APART_MS ? recent : { earlier: recent.later, later: { at, half } };
}

/** The picture at half the size. */
export function halve(picture: Uint8Array, width: number, height: number): Uint8Array {
  const { columns, rows } = halfSize(width, height);
  const half = new Uint8Array(columns * rows);
  for (let row = 0; row < rows; row += 1) {
    const upper = row * 2 * width;
    const lower = Math.min(row * 2 + 1, height - 1) * width;
    for (let column = 0; column < columns; column += 1) {
      const left = column * 2;
      const right = Math.min(left + 1, width - 1);
      const sum =
        (picture[upper + left] ?? 0) +
        (picture[upper + right] ?? 0) +
        (picture[lower + left] ?? 0) +
        (picture[lower + right] ?? 0);
      half[row * columns + column] = (sum + 2) >> 2;
    }
  }
  return half;
}

/** Size of the halved picture. */
export function halfSize(width: number, height: number): { columns: number; rows: number } {
  return { columns: Math.max(1, width >> 1), rows: Math.max(1, height >> 1) };
}

/** What moves between the recent picture and this one. */
export interface Motion {
  /** what is surely more than noise, in grey levels */
  level: number;
  changes: Int16Array;
  /** time of the snapshot it was compared with */
  since: number;
}

/** Compares with the earlier snapshot; the middle window of the grid tells how strong the noise is. */
export function motionSince({ earlier }: Recent, half: Uint8Array, layout: Layout): Motion {
  const changes = new Int16Array(half.length);
  for (let i = 0; i < half.length; i += 1) changes[i] = (half[i] ?? 0) - (earlier.half[i] ?? 0);
  const stirs = Float64Array.from(layout.grid, (at) => stir(changes, at, layout)).sort();
  const noise = stirs[stirs.length >> 1] ?? 0;
  return { level: Math.max(LEVELS.motion, LEVELS.motionNoise * noise), changes, since: earlier.at };
}

/** Share of the windows that move. */
export function movingShare(motion: Motion, windows: Int32Array, layout: Layout): number {
  let moving = 0;
  for (const at of windows) {
    if (stir(motion.changes, at, layout) > motion.level) moving += 1;
  }
  return windows.length === 0 ? 0 : moving / windows.length;
}

/** How unevenly a window changed (standard deviation): what moves has edges; light and soft shadows change a window as a whole. */
function stir(changes: Int16Array, at: number, layout: Layout): number {
  const { columns, rows } = halfSize(layout.width, layout.height);
  const left = Math.min((at % layout.width) >> 1, columns - 1);
  const top = Math.min(Math.floor(at / layout.width) >> 1, rows - 1);
  const right = Math.min(left + Math.max(1, layout.windowWidth >> 1), columns);
  const bottom = Math.min(top + Math.max(1, layout.windowHeight >> 1), rows);
  let sum = 0;
  let squares = 0;
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      const change = changes[row * columns + column] ?? 0;
      sum += change;
      squares += change * change;
    }
  }
  const count = (right - left) * (bottom - top);
  return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
}
