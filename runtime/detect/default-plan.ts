import type { DetectionPlan, ThresholdSource } from '../contracts/detection.ts';
import { type DeviceConfig, defaultDeviceConfig } from '../contracts/device-config.ts';
import { WHOLE_PICTURE } from '../contracts/rois.ts';

/** The plan of a camera for which no ROIs were drawn: the whole picture is one. Thresholds are the device's, else the contract's. */
export function planWithoutRois(camera: string, config?: DeviceConfig): DetectionPlan {
  const source: ThresholdSource = config ? 'device' : 'default';
  const values = config ?? defaultDeviceConfig();
  return {
    camera,
    roiVersion: 0,
    rois: [WHOLE_PICTURE],
    thresholds: { [WHOLE_PICTURE.name]: { value: values.interaction_threshold, source } },
    minFrames: { value: values.interaction_min_frames, source },
    endTimeoutMs: { value: values.interaction_end_timeout_s * 1000, source },
  };
}
