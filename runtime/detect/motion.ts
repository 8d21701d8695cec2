import type { Layout } from './layout.ts';
import { LEVELS } from './levels.ts';

/** Time over which the recent picture remembers, in ms: slow movements at 30 fps are seen as well as fast ones at 2. */
const MEMORY_MS = 300;
/** The recent picture holds the sum of four pixels in 1/32 of a grey level: fine enough to follow in small steps. */
const FINE = 32;
const LEVEL = 4 * FINE;

/** The picture at half the size, in the units of the recent picture. */
export function halve(picture: Uint8Array, width: number, height: number): Uint16Array {
  const { columns, rows } = halfSize(width, height);
  const half = new Uint16Array(columns * rows);
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
      half[row * columns + column] = sum * FINE;
    }
  }
  return half;
}

/** Size of the halved picture. */
export function halfSize(width: number, height: number): { columns: number; rows: number } {
  return { columns: Math.max(1, width >> 1), rows: Math.max(1, height >> 1) };
}

/** The recent picture after another one came `dtMs` later. */
export function follow(recent: Uint16Array, half: Uint16Array, dtMs: number): Uint16Array {
  const share = 1 - Math.exp(-dtMs / MEMORY_MS);
  return recent.map((value, i) => Math.round(value + ((half[i] ?? 0) - value) * share));
}

/** What moves between the recent picture and this one. */
export interface Motion {
  /** difference per window of the grid that is sure to be more than noise, in the units of the recent picture */
  level: number;
  differences: Uint16Array;
}

/** Compares with the recent picture; the middle window of the grid tells how strong the noise is. */
export function motionBetween(recent: Uint16Array, half: Uint16Array, layout: Layout): Motion {
  const differences = half.map((value, i) => Math.abs(value - (recent[i] ?? 0)));
  const means = Float64Array.from(layout.grid, (at) => meanAt(differences, at, layout)).sort();
  const noise = means[means.length >> 1] ?? 0;
  return { level: Math.max(LEVELS.motion * LEVEL, LEVELS.motionNoise * noise), differences };
}

/** Share of the windows that move. */
export function movingShare(motion: Motion, windows: Int32Array, layout: Layout): number {
  let moving = 0;
  for (const at of windows) {
    if (meanAt(motion.differences, at, layout) > motion.level) moving += 1;
  }
  return windows.length === 0 ? 0 : moving / windows.length;
}

function meanAt(values: Uint16Array, at: number, layout: Layout): number {
  const { columns, rows } = halfSize(layout.width, layout.height);
  const left = Math.min((at % layout.width) >> 1, columns - 1);
  const top = Math.min(Math.floor(at / layout.width) >> 1, rows - 1);
  const right = Math.min(left + Math.max(1, layout.windowWidth >> 1), columns);
  const bottom = Math.min(top + Math.max(1, layout.windowHeight >> 1), rows);
  let sum = 0;
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) sum += values[row * columns + column] ?? 0;
  }
  return sum / ((right - left) * (bottom - top));
}
