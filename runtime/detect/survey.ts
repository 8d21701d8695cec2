import type { Light } from './illumination.ts';
import type { Layout } from './layout.ts';
import { LEVELS } from './levels.ts';
import { distance, emptyMeasures, measure } from './windows.ts';

/** A picture needs this share of its windows with detail, and this many, before loss of detail says anything. */
const TELLING_SHARE = 0.04;
const TELLING_WINDOWS = 5;
/** A window's detail is gone when this share of its variance is left. */
const GONE = 0.1;
/** Correlation below which a window shows something else. */
const ELSEWHERE = 0.5;
const DARK = 10;
const LIT = 40;

/** The whole picture against the background. */
export interface Survey {
  /** per window of the grid */
  changed: Uint8Array;
  changedShare: number;
  /** the background has enough detail to be lost or displaced */
  telling: boolean;
  /** share of the background's detail that is gone (1 when a lit scene went dark) */
  lost: number;
  /** share of it that is elsewhere */
  displaced: number;
  /** windows with detail now, against those of the background */
  detailNow: number;
  detailThen: number;
}

const m = emptyMeasures();

/** Looks over the grid. `picture` has been brought into the background's light, out of `light`. */
export function survey(picture: Uint8Array, background: Uint8Array, layout: Layout, light: Light): Survey {
  const changed = new Uint8Array(layout.grid.length);
  let changedCount = 0;
  let brightnessNow = 0;
  let brightnessThen = 0;
  let detailNow = 0;
  let detailThen = 0;
  let lost = 0;
  let displaced = 0;
  layout.grid.forEach((at, i) => {
    measure(picture, at, background, at, layout, m);
    if (distance(m) > 1) {
      changed[i] = 1;
      changedCount += 1;
    }
    brightnessNow += m.meanA * light.gain + light.offset;
    brightnessThen += m.meanB;
    const variance = m.varA * light.gain * light.gain;
    if (variance > LEVELS.detailVariance) detailNow += 1;
    if (m.varB <= LEVELS.detailVariance) return;
    detailThen += 1;
    if (variance < GONE * m.varB && variance < LEVELS.detailVariance) lost += 1;
    if (m.cov < ELSEWHERE * Math.sqrt(m.varA * m.varB)) displaced += 1;
  });
  const count = layout.grid.length;
  const telling = detailThen >= Math.max(TELLING_WINDOWS, TELLING_SHARE * count);
  const wentDark = brightnessNow < DARK * count && brightnessThen > LIT * count;
  return {
    changed,
    changedShare: count === 0 ? 0 : changedCount / count,
    telling,
    lost: wentDark ? 1 : telling ? lost / detailThen : 0,
    displaced: telling ? displaced / detailThen : 0,
    detailNow,
    detailThen,
  };
}
