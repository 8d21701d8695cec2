import type { Adapted } from './background.ts';
import { type Light, SAME_LIGHT } from './illumination.ts';
import type { Area, RoiLayout } from './layout.ts';
import { halve, type Recent } from './motion.ts';
import type { Proof } from './proof.ts';

/** A picture's time and id, as events name them. */
export interface Moment {
  at: number;
  frame?: string;
}

/** An interaction under way. Pictures have the full size, but only the ROI's area of them is meant, and kept. */
export interface Activity {
  event: string;
  startedAt: number;
  startScore: number;
  peak: number;
  during?: string;
  pre?: string;
  started: string;
  /** what the ROI looked like before: frozen */
  reference: Uint8Array;
  /** since when it looks like that again */
  back?: { since: number; post?: string };
  /** since when nothing moves in it (`deadSince`: not even one window), and the mean of up to eight pictures since then */
  still?: { since: number; deadSince: number; post?: string; settled: boolean; count: number };
  after?: Uint8Array;
}

/** What is remembered of one ROI. */
export interface RoiState {
  name: string;
  shape: string;
  area: Area;
  score: number;
  /** score and moving share at rest, on the slow average */
  unrest: number;
  flutter: number;
  /** the threshold below which was taken for rest */
  restBelow?: number;
  calm?: Moment;
  /** after switch-on, until it is known what the ROI looks like at rest */
  unproven?: Proof;
  /** pictures in a row above the threshold */
  run?: { since: number; count: number; score: number; peak: number; during?: string };
  activity?: Activity;
}

/** A camera without detail: first suspected, then an event. */
export interface Obstruction {
  since: number;
  pre?: string;
  during?: string;
  peak: number;
  event?: string;
  clear?: { since: number; post?: string };
}

/** Nearly everything looks different. */
export interface Upheaval {
  since: number;
  stillSince: number;
  pre?: string;
  score: number;
}

/** All that is remembered of a camera between two pictures. Never changed in place. */
export interface DetectionState {
  width: number;
  height: number;
  at: number;
  frame?: string;
  roiVersion: number;
  /** usual time between two pictures, ms */
  interval?: number;
  learning?: { since: number; count: number };
  /** the same as an ROI's, for what lies outside the ROIs */
  unproven?: Proof;
  light: Light;
  lightJumpAt?: number;
  /** last time when something moved anywhere */
  stirredAt?: number;
  adapted: Adapted;
  /** since when each window of the grid differs from the background, epoch ms; 0 where it does not */
  changedSince?: number[];
  obstruction?: Obstruction;
  upheaval?: Upheaval;
  rois: RoiState[];
  /** the whole picture at rest, in its own light */
  background: Uint8Array;
  /** what it showed a moment ago, at half the size */
  recent: Recent;
}

/** An ROI of which nothing is known yet. */
export function atRest({ roi, shape, area }: RoiLayout): RoiState {
  return { name: roi.name, shape, area, score: 0, unrest: 0, flutter: 0 };
}

/** A state that knows nothing but this picture. */
export function freshState(
  picture: { width: number; height: number; pixels: Uint8Array },
  moment: Moment,
  roiVersion: number,
): DetectionState {
  const { width, height, pixels } = picture;
  const snapshot = { at: moment.at, half: halve(pixels, width, height) };
  return {
    width,
    height,
    at: moment.at,
    frame: moment.frame,
    roiVersion,
    learning: { since: moment.at, count: 1 },
    unproven: { since: moment.at, stillSince: moment.at },
    light: SAME_LIGHT,
    adapted: { followedAt: moment.at, creptAt: moment.at },
    rois: [],
    background: pixels,
    recent: { earlier: snapshot, later: snapshot },
  };
}
