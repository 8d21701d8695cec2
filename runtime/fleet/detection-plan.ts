import type { DetectionPlan, ThresholdSource } from '../contracts/detection.ts';
import { defaultDeviceConfig } from '../contracts/device-config.ts';
import { type Roi, WHOLE_PICTURE } from '../contracts/rois.ts';

type Resolved = { value: number; source: ThresholdSource };
type Tunable = 'interaction_threshold' | 'interaction_min_frames' | 'interaction_end_timeout_s';

/**
 * Resolves what a camera's comparisons go by: the ROI's own threshold, else what an operator set for the device, else the
 * contract's default. Where no ROI is compared, the whole picture is one.
 */
export function detectionPlan(
  camera: string,
  settings: { version: number; rois: readonly Roi[]; config: Record<string, unknown> },
): DetectionPlan {
  const defaults = defaultDeviceConfig();
  const tuned = (name: Tunable): Resolved => {
    const set = settings.config[name];
    return typeof set === 'number' ? { value: set, source: 'device' } : { value: defaults[name], source: 'default' };
  };
  const compared = settings.rois.filter((roi) => roi.kind !== 'ignore');
  const rois = compared.length > 0 ? [...settings.rois] : [...settings.rois, WHOLE_PICTURE];
  const thresholds: DetectionPlan['thresholds'] = {};
  for (const { name, kind, threshold } of rois) {
    if (kind === 'ignore') continue;
    thresholds[name] = threshold === undefined ? tuned('interaction_threshold') : { value: threshold, source: 'roi' };
  }
  const endTimeout = tuned('interaction_end_timeout_s');
  return {
    camera,
    roiVersion: settings.version,
    rois,
    thresholds,
    minFrames: tuned('interaction_min_frames'),
    endTimeoutMs: { ...endTimeout, value: endTimeout.value * 1000 },
  };
}
