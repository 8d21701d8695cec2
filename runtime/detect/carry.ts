import type { DetectionPlan, GreyPicture, Transition } from '../contracts/detection.ts';
import type { NewId } from '../lib/ids.ts';
import { HOLDS } from './holds.ts';
import { stockChange } from './inventory.ts';
import { type Layout, layoutFor } from './layout.ts';
import { closeObstruction } from './obstruction.ts';
import { atRest, type DetectionState, type RoiState } from './state.ts';
import { thresholdOf } from './thresholds.ts';
import { interactionEnd, type Now } from './transitions.ts';

/** A state brought up to the plan and the picture in hand, and what had to be closed for that. */
export interface Carried {
  /** undefined: nothing of it is of use, the camera is learned anew */
  state?: DetectionState;
  transitions: Transition[];
}

/**
 * Brings a state up to a plan whose ROIs may have changed, and over a pause. ROIs that kept their shape keep what is known of them;
 * the background is the whole picture's and stays. Open events of ROIs that are gone or were redrawn are closed with the reason.
 */
export function carryOver(state: DetectionState | undefined, picture: GreyPicture, layout: Layout, now: Now): Carried {
  if (!state) return { transitions: [] };
  const useless = uselessBecause(state, picture, now);
  if (useless) return { transitions: closeAll(state, state.at, useless, now).transitions };
  const paused = now.dt > pauseMs(state);
  const carried = paused ? closeAll(state, state.at, 'the camera paused', now) : { state, transitions: [] };
  const transitions = [...carried.transitions];
  const rois: RoiState[] = layout.rois.map((roi) => {
    const known = carried.state.rois.find((one) => one.name === roi.roi.name);
    const restBelow = thresholdOf(now.plan, roi.roi.name).value;
    if (known && known.shape === roi.shape) return { ...known, ...restFrom(known, restBelow) };
    return { ...atRest(roi), restBelow };
  });
  for (const known of carried.state.rois) {
    if (layout.rois.some((roi) => roi.roi.name === known.name && roi.shape === known.shape)) continue;
    const redrawn = rois.some((roi) => roi.name === known.name);
    transitions.push(...closeRoi(known, state.at, redrawn ? 'the ROI was redrawn' : 'the ROI was removed', now));
  }
  return { state: { ...carried.state, rois }, transitions };
}

/** What a strict threshold took for rest may have been visits: under a lower one, rest is learned anew. */
function restFrom(known: RoiState, restBelow: number): Partial<RoiState> {
  const wasStricter = known.restBelow !== undefined && restBelow < known.restBelow;
  return wasStricter ? { restBelow, unrest: 0, flutter: 0 } : { restBelow };
}

function uselessBecause(state: DetectionState, picture: GreyPicture, now: Now): string | undefined {
  if (state.width !== picture.width || state.height !== picture.height) return 'the picture has another shape';
  if (now.dt < 0) return 'the clock of the camera was set back';
  const forget = Math.max(HOLDS.forgetS * 1000, HOLDS.gapIntervals * (state.interval ?? 0));
  return now.dt > forget ? 'the camera was away for long' : undefined;
}

function pauseMs(state: DetectionState): number {
  return Math.max(HOLDS.gapS * 1000, HOLDS.gapIntervals * (state.interval ?? 0));
}

/** A state without its open events, and the transitions that closed them. */
export interface Closed {
  state: DetectionState;
  transitions: Transition[];
}

/** Closes the open interactions at `at` for a reason that has nothing to do with what their ROIs show. */
export function closeInteractions(state: DetectionState, at: number, why: string, now: Now): Closed {
  const transitions = state.rois.flatMap((roi) => closeRoi(roi, at, why, now));
  const rois = state.rois.map((roi) => ({ ...roi, run: undefined, activity: undefined }));
  return { state: { ...state, rois }, transitions };
}

/** Closes every open event. */
export function closeAll(state: DetectionState, at: number, why: string, now: Now): Closed {
  const closed = closeInteractions(state, at, why, now);
  const transitions = [...closed.transitions, ...closeObstruction(state.obstruction, at, why, now)];
  return { state: { ...closed.state, obstruction: undefined, upheaval: undefined }, transitions };
}

function closeRoi(roi: RoiState, at: number, why: string, now: Now): Transition[] {
  if (!roi.activity) return [];
  return interactionEnd(roi.name, roi.activity, { at, why, score: roi.score, stockChanged: null }, now);
}

/**
 * Closes what is open when no more pictures will come, as at the end of recorded footage. An ROI in which nothing moved any more is
 * judged by what it shows; of the others nobody knows.
 */
export function finish(state: DetectionState, plan: DetectionPlan, newId: NewId): Transition[] {
  const why = 'the footage ended';
  const now: Now = { at: state.at, frame: state.frame, dt: 0, plan, newId };
  const layout = layoutFor(plan, state.width, state.height);
  return [
    ...state.rois.flatMap((roi) => {
      const { activity } = roi;
      const where = layout.rois.find((one) => one.roi.name === roi.name);
      if (!activity?.after || !activity.still?.settled || !where) return closeRoi(roi, state.at, why, now);
      const stock = stockChange(where, activity.reference, activity.after, layout, plan);
      const { since, post } = activity.still;
      const ending = { at: since, why, score: roi.score, stockChanged: stock.changed, inventory: stock.share, post };
      return interactionEnd(roi.name, activity, ending, now);
    }),
    ...closeObstruction(state.obstruction, state.at, why, now),
  ];
}
