import type { Layout, RoiLayout } from './layout.ts';

/** A window that began to differ this long before an interaction belongs to it still, ms: whoever reaches in is on the way by then. */
const LEAD_MS = 3000;
/** Fewer new windows than this outside the ROI are noise. */
const FEW = 2;

/** Since when each window of the grid differs from the background, epoch ms; 0 where it does not. */
export function followChanges(known: readonly number[] | undefined, changed: Uint8Array, at: number): number[] {
  const before = known?.length === changed.length ? known : undefined;
  return Array.from(changed, (is, i) => (is ? before?.[i] || at : 0));
}

/**
 * Tells whether what changed in an ROI since `startedAt` hangs together with new changes outside it that lead to the edge of the
 * picture or outgrow it. Goods stand in their place; a hand has an arm and somebody has a body, and as long as they are seen the ROI
 * shows them and not its stock, however still they keep. What differed long before (a bag put down beside the shelf) does not count.
 */
export function reachesOut(
  roi: RoiLayout,
  layout: Layout,
  changedSince: readonly number[],
  startedAt: number,
): boolean {
  const inside = new Uint8Array(changedSince.length);
  for (const i of roi.grid) inside[i] = 1;
  const found = roi.grid.filter((i) => changedSince[i]);
  const seen = Uint8Array.from(inside);
  const insideCount = found.length;
  let outside = 0;
  let atEdge = false;
  const open = Array.from(found);
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    if (!inside[i]) {
      if ((changedSince[i] ?? 0) >= startedAt - LEAD_MS) outside += 1;
      if (layout.atEdge[i]) atEdge = true;
    }
    for (const next of layout.neighbours[i] ?? []) {
      if (seen[next] || !changedSince[next]) continue;
      seen[next] = 1;
      open.push(next);
    }
  }
  return outside >= FEW && (atEdge || outside > insideCount);
}
