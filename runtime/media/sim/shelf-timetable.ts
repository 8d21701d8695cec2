import type { Roi } from '../../contracts/rois.ts';

/** The scene is drawn for 1280 × 720 and scaled from there. */
export const STAGE = { width: 1280, height: 720 } as const;
export const SHELF_CYCLE_MS = 120_000;

export type Spot = 'left' | 'middle' | 'right';

/** The part of the shelf that each spot's ROI covers. */
const AREAS: Record<Spot, { left: number; top: number; right: number; bottom: number }> = {
  left: { left: 96, top: 250, right: 424, bottom: 570 },
  middle: { left: 476, top: 250, right: 804, bottom: 570 },
  right: { left: 856, top: 250, right: 1184, bottom: 570 },
};

/** The things that are taken: where each stands (middle of its foot), how far above that it is gripped, how tall it is. */
export const PLACES: Record<Spot, { x: number; y: number; grip: number; height: number }> = {
  left: { x: 252, y: 519, grip: 70, height: 152 },
  middle: { x: 652, y: 519, grip: 82, height: 232 },
  right: { x: 1024, y: 519, grip: 76, height: 172 },
};

const REACH_MS = 2000;
const HOLD_MS = 1200;
const VISIT_MS = 2 * REACH_MS + HOLD_MS;
/** Where the hand starts from and goes to, below the picture's edge. */
const OUT_OF_SIGHT = { dx: 46, y: 880 };
/** The hand's highest point above its grip. */
const FINGERTIPS = 96;

type Deed = 'take' | 'return' | 'touch';

/** A visit every 12 s; at the end of the cycle everything is back in its place. */
const PLAN: readonly (readonly [Spot, Deed])[] = [
  ['left', 'take'],
  ['right', 'take'],
  ['middle', 'touch'],
  ['left', 'return'],
  ['middle', 'take'],
  ['right', 'return'],
  ['left', 'touch'],
  ['middle', 'return'],
  ['right', 'take'],
  ['right', 'return'],
];
const VISITS_EVERY_MS = SHELF_CYCLE_MS / PLAN.length;
const FIRST_REACH_MS = 1500;

/** A visit in the cycle: the hand, or what it carries, is in the ROI from `startMs` to `endMs`; ms since the cycle began. */
export interface ShelfVisit {
  roi: Spot;
  startMs: number;
  endMs: number;
  /** whether something is gone, or back, after it */
  stockChanged: boolean;
}

/** What is where at a moment. `carried`: the hand has the spot's thing. */
export interface ShelfMoment {
  present: Record<Spot, boolean>;
  hand?: { spot: Spot; x: number; y: number; carried: boolean };
}

/** Place in the cycle of an epoch ms. */
export function shelfTime(epochMs: number): number {
  return ((epochMs % SHELF_CYCLE_MS) + SHELF_CYCLE_MS) % SHELF_CYCLE_MS;
}

/** What the scene shows at a time of its cycle. */
export function shelfMoment(cycleMs: number): ShelfMoment {
  const present: Record<Spot, boolean> = { left: true, middle: true, right: true };
  for (const [index, [spot, deed]] of PLAN.entries()) {
    const intoMs = cycleMs - reachOf(index);
    if (intoMs < 0) break;
    const gripped = intoMs >= REACH_MS + HOLD_MS / 2;
    const over = intoMs >= VISIT_MS;
    if (deed === 'take' && gripped) present[spot] = false;
    if (deed === 'return') present[spot] = gripped;
    if (over) continue;
    const carried = (deed === 'take' && gripped) || (deed === 'return' && !gripped);
    return { present, hand: { spot, ...handAt(spot, intoMs), carried } };
  }
  return { present };
}

/** The ground truth of the scene, for demo and tests. */
export const shelfTimetable: readonly ShelfVisit[] = PLAN.map(([roi, deed], index) => ({
  roi,
  ...timesInRoi(roi, deed, reachOf(index)),
  stockChanged: deed !== 'touch',
}));

/** The scene's own regions, ready to be put through the API. */
export const shelfRois: readonly Roi[] = (['left', 'middle', 'right'] as const).map((name) => {
  const { left, top, right, bottom } = AREAS[name];
  const point = (x: number, y: number): [number, number] => [x / STAGE.width, y / STAGE.height];
  return {
    name,
    kind: 'inventory',
    points: [point(left, top), point(right, top), point(right, bottom), point(left, bottom)],
  };
});

function reachOf(index: number): number {
  return FIRST_REACH_MS + index * VISITS_EVERY_MS;
}

function handAt(spot: Spot, intoMs: number): { x: number; y: number } {
  const { x, y, grip } = PLACES[spot];
  const back = VISIT_MS - intoMs;
  const share = smooth(Math.min(1, Math.min(intoMs, back) / REACH_MS));
  const goal = y - grip;
  return {
    x: x + OUT_OF_SIGHT.dx * (1 - share),
    y: OUT_OF_SIGHT.y + (goal - OUT_OF_SIGHT.y) * share,
  };
}

function smooth(share: number): number {
  return share * share * (3 - 2 * share);
}

function timesInRoi(spot: Spot, deed: Deed, reachMs: number): { startMs: number; endMs: number } {
  const { grip, height } = PLACES[spot];
  const loaded = Math.max(FINGERTIPS, height - grip);
  const entersMs = timeToEnter(spot, deed === 'return' ? loaded : FINGERTIPS);
  const leavesMs = VISIT_MS - timeToEnter(spot, deed === 'take' ? loaded : FINGERTIPS);
  return { startMs: reachMs + entersMs, endMs: reachMs + leavesMs };
}

/** When something that stands so far above the grip comes over the ROI's lower edge, in ms since the hand set out. */
function timeToEnter(spot: Spot, above: number): number {
  let intoMs = 0;
  while (handAt(spot, intoMs).y - above > AREAS[spot].bottom) intoMs += 10;
  return intoMs;
}
