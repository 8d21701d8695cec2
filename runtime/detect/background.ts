import type { Layout, RoiLayout } from './layout.ts';

/** A window that looks like the background follows it by one grey level in this time, in ms ... */
export const FOLLOW_MS = 200;
/** ... one that does not, five times slower, and never by more than this at once: a slow camera must not swallow a change. */
const CREEP_MS = 1000;
const CREEP_MAX = 4;

/** When the background was last moved towards the picture; two paces. */
export interface Adapted {
  followedAt: number;
  creptAt: number;
}

/**
 * Moves the background towards the picture by whole grey levels (an approximate median: outliers pull no harder than anything else),
 * except where it is frozen. `changed` marks the windows of the grid that differ.
 */
export function adapt(
  background: Uint8Array,
  picture: Uint8Array,
  frozen: Uint8Array | undefined,
  changed: Uint8Array,
  layout: Layout,
  adapted: Adapted,
  at: number,
): { background: Uint8Array; adapted: Adapted } {
  const follow = Math.floor((at - adapted.followedAt) / FOLLOW_MS);
  const creep = Math.floor((at - adapted.creptAt) / CREEP_MS);
  if (follow < 1 && creep < 1) return { background, adapted };
  const next = background.slice();
  layout.grid.forEach((corner, i) => {
    const step = changed[i] ? Math.min(creep, CREEP_MAX) : follow;
    if (step < 1) return;
    for (let row = 0; row < layout.windowHeight; row += 1) {
      const from = corner + row * layout.width;
      for (let pixel = from; pixel < from + layout.windowWidth; pixel += 1) {
        if (frozen?.[pixel]) continue;
        const was = background[pixel] ?? 0;
        const is = picture[pixel] ?? 0;
        next[pixel] = is > was ? Math.min(is, was + step) : Math.max(is, was - step);
      }
    }
  });
  return {
    background: next,
    adapted: {
      followedAt: follow < 1 ? adapted.followedAt : adapted.followedAt + follow * FOLLOW_MS,
      creptAt: creep < 1 ? adapted.creptAt : adapted.creptAt + creep * CREEP_MS,
    },
  };
}

/** The background with an ROI's windows taken from another picture. */
export function rebase(background: Uint8Array, from: Uint8Array, roi: RoiLayout): Uint8Array {
  return background.map((value, pixel) => (roi.cover[pixel] ? (from[pixel] ?? value) : value));
}

/** The mean of `count` pictures, one more taken in. */
export function averaged(mean: Uint8Array, picture: Uint8Array, count: number): Uint8Array {
  const next = new Uint8Array(mean.length);
  for (let i = 0; i < mean.length; i += 1) {
    const was = mean[i] ?? 0;
    next[i] = Math.round(was + ((picture[i] ?? 0) - was) / (count + 1));
  }
  return next;
}
