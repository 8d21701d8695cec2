import type { DetectionPlan, Transition } from '../contracts/detection.ts';
import type { NewId } from '../lib/ids.ts';
import type { Activity } from './state.ts';
import { inventoryThreshold, thresholdOf } from './thresholds.ts';

/** What every part of a comparison needs to know of the picture in hand. */
export interface Now {
  at: number;
  frame?: string;
  /** ms since the picture before */
  dt: number;
  plan: DetectionPlan;
  newId: NewId;
}

/** An interaction's row begins. */
export function interactionStart(name: string, activity: Activity, now: Now): Transition {
  return {
    phase: 'start',
    event: activity.event,
    type: 'interaction_detected',
    rois: [name],
    startedAt: activity.startedAt,
    score: round(activity.peak),
    stockChanged: null,
    frames: framesOf(activity),
    details: interactionDetails(name, activity, now, {}, { started: activity.started }),
  };
}

/** How an interaction ended. */
export interface Ending {
  at: number;
  /** in words, for `details.decision.ended` */
  why: string;
  score: number;
  stockChanged: boolean | null;
  /** share of the ROI's windows that differ from before, where that was looked at */
  inventory?: number;
  post?: string;
}

/** An interaction's row is completed; where the stock changed, that is an event of its own. */
export function interactionEnd(name: string, activity: Activity, ending: Ending, now: Now): Transition[] {
  const endedAt = Math.max(ending.at, activity.startedAt);
  const frames = { ...framesOf(activity), ...(ending.post ? { post: ending.post } : {}) };
  const scores = {
    end: round(ending.score),
    ...(ending.inventory === undefined ? {} : { inventory: round(ending.inventory) }),
  };
  const decision = { started: activity.started, ended: ending.why };
  const end: Transition = {
    phase: 'end',
    event: activity.event,
    type: 'interaction_detected',
    rois: [name],
    startedAt: activity.startedAt,
    endedAt,
    score: round(activity.peak),
    stockChanged: ending.stockChanged,
    frames,
    details: interactionDetails(name, activity, now, scores, decision, frames),
  };
  if (ending.stockChanged !== true) return [end];
  const stock: Omit<Transition, 'phase'> = {
    event: now.newId(),
    type: 'stock_changed',
    rois: [name],
    startedAt: endedAt,
    endedAt,
    score: round(ending.inventory ?? activity.peak),
    stockChanged: true,
    frames,
    parent: activity.event,
    details: interactionDetails(
      name,
      activity,
      now,
      scores,
      { started: 'the ROI looks different after than before' },
      frames,
    ),
  };
  return [end, { phase: 'start', ...stock }, { phase: 'end', ...stock }];
}

/** An event of the whole picture opens or closes. */
export function pictureEvent(
  phase: 'start' | 'end',
  type: 'camera_obstructed' | 'scene_shifted',
  what: Pick<Transition, 'event' | 'startedAt' | 'endedAt' | 'score' | 'frames'> & {
    decision: Record<string, string>;
    threshold: number;
  },
  now: Now,
): Transition {
  const { decision, threshold, score, ...rest } = what;
  return {
    phase,
    type,
    rois: [],
    stockChanged: null,
    ...rest,
    score: round(score),
    details: {
      roi_version: now.plan.roiVersion,
      thresholds: { detail: { value: threshold, source: 'default' } },
      scores: { peak: round(score) },
      captures: captures(rest.frames),
      decision,
    },
  };
}

function interactionDetails(
  name: string,
  activity: Activity,
  now: Now,
  scores: Record<string, number>,
  decision: Record<string, string>,
  frames = framesOf(activity),
): Record<string, unknown> {
  const { plan } = now;
  return {
    roi_version: plan.roiVersion,
    thresholds: {
      interaction: thresholdOf(plan, name),
      inventory: inventoryThreshold(plan, name),
      min_frames: plan.minFrames,
      end_timeout_ms: plan.endTimeoutMs,
    },
    scores: { start: round(activity.startScore), peak: round(activity.peak), ...scores },
    captures: captures(frames),
    decision,
  };
}

function framesOf(activity: Activity): Transition['frames'] {
  return { ...(activity.pre ? { pre: activity.pre } : {}), ...(activity.during ? { during: activity.during } : {}) };
}

function captures(frames: Transition['frames']): Record<string, string | null> {
  return { pre: frames.pre ?? null, during: frames.during ?? null, post: frames.post ?? null };
}

/** Four digits are more than a share of windows holds. */
export function round(share: number): number {
  return Math.round(share * 10_000) / 10_000;
}
