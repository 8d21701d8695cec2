import type { DetectionPlan } from '../contracts/detection.ts';
import type { Layout, RoiLayout } from './layout.ts';
import { inventoryThreshold } from './thresholds.ts';
import { changedShare } from './windows.ts';

/** Whether the stock of an ROI changed. */
export interface StockChange {
  /** null where the ROI holds no stock */
  changed: boolean | null;
  /** share of its windows that differ */
  share?: number;
}

/** Compares what an inventory ROI looked like before with the mean of what it looks like now. */
export function stockChange(
  roi: RoiLayout,
  before: Uint8Array,
  after: Uint8Array,
  layout: Layout,
  plan: DetectionPlan,
): StockChange {
  if (roi.roi.kind !== 'inventory') return { changed: null };
  const share = changedShare(after, before, roi.windows, layout);
  return { changed: share > inventoryThreshold(plan, roi.roi.name).value, share };
}
