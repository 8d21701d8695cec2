import type { Layout } from './layout.ts';
import { LEVELS } from './levels.ts';
import { emptyMeasures, measure } from './windows.ts';

/** The light of a picture against that of the background: grey = gain * background + offset. */
export interface Light {
  gain: number;
  offset: number;
}

export const SAME_LIGHT: Light = { gain: 1, offset: 0 };

/** A window whose mean is beyond these is over- or underexposed and says nothing of the light. */
const DARKEST = 5;
const BRIGHTEST = 248;
/** A window that holds its structure this well is the same thing, whatever its brightness. */
const KEPT_STRUCTURE = 0.85;
const ENOUGH_ANCHORS = 10;
const ROUNDS = 4;
/** Grey levels a window may lie off the fitted line and still belong to it, in the first and in the last round. */
const WIDEST = 24;
const NARROWEST = 4;
/** Share of the windows that must lie on the line for it to be believed. */
const BELIEVED = 0.3;
/** Half of the windows within this many grey levels: the light is the same, and no fit can do better than that. */
const SAME_WITHIN = 0.8;

/**
 * Fits gain and offset of the light over the windows of the grid that did not change. It begins with those that keep their structure
 * (light does not touch it), then takes in all that lie near the line. Answers `before` when too few agree to be believed.
 */
export function fitLight(picture: Uint8Array, background: Uint8Array, layout: Layout, before: Light): Light {
  const count = layout.grid.length;
  const now = new Float64Array(count);
  const then = new Float64Array(count);
  const anchor = new Uint8Array(count);
  let used = 0;
  let anchors = 0;
  const m = emptyMeasures();
  for (const at of layout.grid) {
    measure(picture, at, background, at, layout, m);
    if (m.meanA < DARKEST || m.meanA > BRIGHTEST || m.meanB < DARKEST || m.meanB > BRIGHTEST) continue;
    now[used] = m.meanA;
    then[used] = m.meanB;
    const textured = m.varB > LEVELS.detailVariance / 2 && m.varA > 4;
    if (textured && m.cov > KEPT_STRUCTURE * Math.sqrt(m.varA * m.varB)) {
      anchor[used] = 1;
      anchors += 1;
    }
    used += 1;
  }
  if (used === 0) return before;
  if (medianDifference(now, then, used) <= SAME_WITHIN) return SAME_LIGHT;
  const taken = new Uint8Array(used).map((_, i) => (anchors >= ENOUGH_ANCHORS ? (anchor[i] ?? 0) : 1));
  let light = line(now, then, taken);
  let near = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const reach = WIDEST * (NARROWEST / WIDEST) ** (round / (ROUNDS - 1));
    near = 0;
    for (let i = 0; i < used; i += 1) {
      const off = Math.abs((now[i] ?? 0) - light.gain * (then[i] ?? 0) - light.offset);
      taken[i] = off <= reach ? 1 : 0;
      near += taken[i] ?? 0;
    }
    if (near < 3) return before;
    light = line(now, then, taken);
  }
  return near >= BELIEVED * used ? light : before;
}

/** Least squares; only the offset where the windows are too alike in brightness to tell a gain. */
function line(now: Float64Array, then: Float64Array, taken: Uint8Array): Light {
  let n = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXX = 0;
  let sumXY = 0;
  taken.forEach((use, i) => {
    if (!use) return;
    const x = then[i] ?? 0;
    const y = now[i] ?? 0;
    n += 1;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumXY += x * y;
  });
  if (n === 0) return SAME_LIGHT;
  const spread = sumXX / n - (sumX / n) ** 2;
  const together = sumXY / n - (sumX / n) * (sumY / n);
  const gain = spread < 36 ? 1 : Math.min(5, Math.max(0.2, together / spread));
  return { gain, offset: sumY / n - gain * (sumX / n) };
}

function medianDifference(now: Float64Array, then: Float64Array, used: number): number {
  const differences = new Float64Array(used).map((_, i) => Math.abs((now[i] ?? 0) - (then[i] ?? 0))).sort();
  return differences[used >> 1] ?? 0;
}

/**
 * The picture as it would be in the background's light. Where it is over- or underexposed nobody knows what it would have been:
 * there the background's own value is taken if it lies beyond.
 */
export function inLightOf(picture: Uint8Array, background: Uint8Array, light: Light): Uint8Array {
  if (light.gain === 1 && light.offset === 0) return picture;
  const table = new Uint8Array(256);
  for (let grey = 0; grey < 256; grey += 1) {
    table[grey] = Math.min(255, Math.max(0, Math.round((grey - light.offset) / light.gain)));
  }
  const result = new Uint8Array(picture.length);
  for (let i = 0; i < picture.length; i += 1) {
    const grey = picture[i] ?? 0;
    let value = table[grey] ?? 0;
    const known = background[i] ?? 0;
    if (grey >= 252 && known > value) value = known;
    else if (grey <= 3 && known < value) value = known;
    result[i] = value;
  }
  return result;
}

/** Tells whether the light jumped between two pictures, as a switch or the exposure makes it, rather than drifted. */
export function isSudden(before: Light, now: Light): boolean {
  const middle = (light: Light) => light.gain * 128 + light.offset;
  return Math.abs(middle(now) - middle(before)) > 10;
}
