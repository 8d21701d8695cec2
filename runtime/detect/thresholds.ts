import type { DetectionPlan, ThresholdSource } from '../contracts/detection.ts';
import { defaultDeviceConfig } from '../contracts/device-config.ts';
import { LEVELS } from './levels.ts';

export interface Threshold {
  value: number;
  source: ThresholdSource;
}

/** The threshold of an ROI as the plan resolved it; the contract's default where the plan has none. */
export function thresholdOf(plan: DetectionPlan, roi: string): Threshold {
  return plan.thresholds[roi] ?? { value: defaultDeviceConfig().interaction_threshold, source: 'default' };
}

/** Share of windows that must differ for the stock to have changed: an ROI made more sensitive than that is so here too. */
export function inventoryThreshold(plan: DetectionPlan, roi: string): Threshold {
  const threshold = thresholdOf(plan, roi);
  return threshold.value < LEVELS.inventory ? threshold : { value: LEVELS.inventory, source: 'default' };
}
