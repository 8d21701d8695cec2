import type { EventType } from './events.ts';
import type { Roi } from './rois.ts';

/** Where a threshold came from: the first of ROI, device config, contract default that has one. */
export type ThresholdSource = 'roi' | 'device' | 'default';

/** Everything a comparison needs to know about a camera, resolved before the first picture. */
export interface DetectionPlan {
  camera: string;
  roiVersion: number;
  /** never empty of non-ignore ROIs: `WHOLE_PICTURE` stands in */
  rois: Roi[];
  thresholds: Record<string, { value: number; source: ThresholdSource }>;
  minFrames: { value: number; source: ThresholdSource };
  endTimeoutMs: { value: number; source: ThresholdSource };
}

/** A small greyscale picture, row by row, one byte a pixel. */
export interface GreyPicture {
  width: number;
  height: number;
  pixels: Uint8Array;
}

export type Decision = 'learning' | 'quiet' | 'starting' | 'active' | 'ending' | 'late' | 'obstructed' | 'shifted';

export interface RoiReport {
  name: string;
  /** share of the ROI's windows that differ from the background, 0..1 */
  score: number;
  threshold: number;
  active: boolean;
}

/** What one picture was found to show. Travels on wires as `msg.detection`. */
export interface DetectionReport {
  camera: string;
  /** epoch ms of the picture */
  at: number;
  decision: Decision;
  rois: RoiReport[];
  /** events that this picture opened or closed */
  events: Transition[];
}

/** The moment an event opens or closes, with the frames that tell its story (ids of stored frames). */
export interface Transition {
  phase: 'start' | 'end';
  /** id of the event; the same at start and end */
  event: string;
  type: EventType;
  rois: string[];
  /** epoch ms at which it started, and ended */
  startedAt: number;
  endedAt?: number;
  score: number;
  /** known at the end, null where it does not apply or could not be told */
  stockChanged: boolean | null;
  frames: { pre?: string; during?: string; post?: string };
  /** an event that follows from another one, as `stock_changed` from an interaction */
  parent?: string;
  details: Record<string, unknown>;
}
