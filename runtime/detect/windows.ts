import type { Layout } from './layout.ts';
import { LEVELS } from './levels.ts';

/** Mean, variance and covariance of one window in two pictures. Filled in place: the loop over windows makes no garbage. */
export interface Measures {
  meanA: number;
  meanB: number;
  varA: number;
  varB: number;
  cov: number;
}

/** Empty measures to be filled. */
export function emptyMeasures(): Measures {
  return { meanA: 0, meanB: 0, varA: 0, varB: 0, cov: 0 };
}

/** Measures the window at pixel `atA` of `a` against the one at `atB` of `b`; both pictures have the layout's size. */
export function measure(a: Uint8Array, atA: number, b: Uint8Array, atB: number, layout: Layout, into: Measures): void {
  const { width, windowWidth, windowHeight } = layout;
  let sumA = 0;
  let sumB = 0;
  let sumAA = 0;
  let sumBB = 0;
  let sumAB = 0;
  for (let row = 0; row < windowHeight; row += 1) {
    let pixelA = atA + row * width;
    let pixelB = atB + row * width;
    for (let column = 0; column < windowWidth; column += 1) {
      const valueA = a[pixelA++] ?? 0;
      const valueB = b[pixelB++] ?? 0;
      sumA += valueA;
      sumB += valueB;
      sumAA += valueA * valueA;
      sumBB += valueB * valueB;
      sumAB += valueA * valueB;
    }
  }
  const count = windowWidth * windowHeight;
  into.meanA = sumA / count;
  into.meanB = sumB / count;
  into.varA = sumAA / count - into.meanA * into.meanA;
  into.varB = sumBB / count - into.meanB * into.meanB;
  into.cov = sumAB / count - into.meanA * into.meanB;
}

/**
 * How much a window differs, 1 and more meaning that it does. Loss of structure (covariance against the mean variance, damped by
 * what noise can make) and difference of brightness count as two legs of a triangle: a shadow keeps the structure, a hand does not,
 * and before a flat wall brightness is all there is.
 */
export function distance(m: Measures): number {
  // Not Math.hypot, which is ten times slower.
  return Math.sqrt(structureLoss(m) ** 2 + brightnessGap(m) ** 2);
}

/** Tells whether the window differs by its structure alone, or so much in brightness that no shadow does that. */
export function isPlain(m: Measures): boolean {
  return structureLoss(m) > LEVELS.plainStructure || brightnessGap(m) > LEVELS.plainBrightness;
}

function structureLoss(m: Measures): number {
  const similarity = (2 * m.cov + LEVELS.noiseVariance) / (m.varA + m.varB + LEVELS.noiseVariance);
  return (1 - similarity) / LEVELS.structure;
}

function brightnessGap(m: Measures): number {
  const gap = m.meanA - m.meanB;
  // A shadow takes a share of the light, so bright places may darken by more.
  return gap > 0 ? gap / LEVELS.brightness : -gap / Math.max(LEVELS.brightness, LEVELS.shadow * m.meanB);
}

const scratch = emptyMeasures();
const nearby = emptyMeasures();

/**
 * Share of the windows that differ between picture and reference.
 *
 * A window that would match its reference one pixel further in some direction does not differ: cameras shake. Windows that differ in
 * brightness only count when enough others differ plainly: a thing has edges, the soft shadow of somebody outside the picture and a
 * lamp that lights one side have none.
 */
export function changedShare(picture: Uint8Array, reference: Uint8Array, windows: Int32Array, layout: Layout): number {
  let changed = 0;
  let plain = 0;
  for (const at of windows) {
    measure(picture, at, reference, at, layout, scratch);
    if (distance(scratch) <= 1 || matchesNearby(picture, reference, at, layout)) continue;
    changed += 1;
    if (isPlain(scratch)) plain += 1;
  }
  return windows.length === 0 ? 0 : Math.min(changed, plain * LEVELS.perPlain) / windows.length;
}

function matchesNearby(picture: Uint8Array, reference: Uint8Array, at: number, layout: Layout): boolean {
  const { width, height, windowWidth, windowHeight } = layout;
  const left = at % width;
  const top = (at - left) / width;
  for (let down = -1; down <= 1; down += 1) {
    if (top + down < 0 || top + down + windowHeight > height) continue;
    for (let across = -1; across <= 1; across += 1) {
      if ((down === 0 && across === 0) || left + across < 0 || left + across + windowWidth > width) continue;
      measure(picture, at, reference, at + down * width + across, layout, nearby);
      if (distance(nearby) <= 1) return true;
    }
  }
  return false;
}
