import { HOLDS } from './holds.ts';
import type { Layout } from './layout.ts';

/** More changed windows than this share of those outside the ROIs mean that the place is not at rest yet. */
const AT_REST = 0.02;

/** A background that was learned at `since`, and has not differed from the pictures from `stillSince` on; epoch ms. */
export interface Proof {
  since: number;
  stillSince: number;
}

/** The proof one picture on; undefined when the background is to be believed now. */
export function proof(known: Proof, differs: boolean, at: number): Proof | undefined {
  const stillSince = differs ? at : known.stillSince;
  const proven = at - stillSince >= HOLDS.provenS * 1000 || at - known.since >= HOLDS.unprovenS * 1000;
  return proven ? undefined : { since: known.since, stillSince };
}

/**
 * The same for what lies outside the ROIs, where no interaction waits for it: windows that differ take the picture's look at once, so
 * that whoever was there at switch-on is out of the background when he is out of the picture.
 */
export function proveAround(
  known: Proof,
  background: Uint8Array,
  picture: Uint8Array,
  changed: Uint8Array,
  layout: Layout,
  at: number,
): { background: Uint8Array; unproven: Proof | undefined } {
  const differing = layout.around.filter((i) => changed[i]);
  const unproven = proof(known, differing.length > AT_REST * layout.around.length, at);
  if (differing.length === 0) return { background, unproven };
  const next = background.slice();
  for (const i of differing) {
    const corner = layout.grid[i] ?? 0;
    for (let row = 0; row < layout.windowHeight; row += 1) {
      const from = corner + row * layout.width;
      next.set(picture.subarray(from, from + layout.windowWidth), from);
    }
  }
  return { background: next, unproven };
}
