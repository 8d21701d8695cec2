import type { Transition } from '../contracts/detection.ts';
import { averaged } from './background.ts';
import { endHolds, HOLDS } from './holds.ts';
import { stockChange } from './inventory.ts';
import type { Layout, RoiLayout } from './layout.ts';
import { LEVELS } from './levels.ts';
import { type Proof, proof } from './proof.ts';
import type { Activity, RoiState } from './state.ts';
import { thresholdOf } from './thresholds.ts';
import { interactionEnd, interactionStart, type Now } from './transitions.ts';

/** What a picture shows of one ROI. `picture` is in the background's light. */
export interface Seen {
  roi: RoiLayout;
  layout: Layout;
  picture: Uint8Array;
  background: Uint8Array;
  score: number;
  /** share of its windows that move */
  moving: number;
  /** if none does: since when, epoch ms */
  stillSince: number;
  /** last time when something moved anywhere in the picture, epoch ms */
  stirredAt: number;
  /** whether what changed since then leads out of the ROI, as somebody who is still there does; asked only when it matters */
  reachesOut: (startedAt: number) => boolean;
  /** nothing may start now */
  held: boolean;
}

/** What became of it. */
export interface Step {
  state: RoiState;
  transitions: Transition[];
  /** the ROI looks like this from now on */
  rebase?: Uint8Array;
}

/** Rest is averaged over this, ms. */
const UNREST_MS = 10_000;
/** `post` is compared as the mean of so many pictures. */
const AFTER_COUNT = 8;
/** A picture with less than this share of the threshold shows the ROI at rest. */
const CALM = 0.34;

/** The threshold in force: restless ROIs need more. */
export function effectiveThreshold(state: RoiState, now: Now): number {
  const threshold = thresholdOf(now.plan, state.name).value;
  return threshold + Math.min(LEVELS.unrestCap, LEVELS.unrest * state.unrest);
}

/** Takes one ROI one picture further: rest, run of pictures above the threshold, interaction, rest. */
export function step(before: RoiState, seen: Seen, now: Now): Step {
  const state: RoiState = { ...before, score: seen.score };
  if (state.activity) return goOn(state, state.activity, seen, now);
  return state.unproven ? prove(state, state.unproven, seen, now) : rest(state, seen, now);
}

/**
 * After switch-on whoever stood in the ROI is in its background, and would be missed as goods are when they leave. So nothing starts
 * before the ROI has kept one look for a while; whenever it shows another one, that is tried instead.
 */
function prove(state: RoiState, known: Proof, seen: Seen, now: Now): Step {
  const differs = seen.score > CALM * effectiveThreshold(state, now);
  const calm = { at: now.at, frame: now.frame };
  const proving = { ...state, unproven: proof(known, differs, now.at), calm };
  return differs
    ? { state: { ...proving, score: 0 }, transitions: [], rebase: seen.picture }
    : { state: proving, transitions: [] };
}

function rest(state: RoiState, seen: Seen, now: Now): Step {
  const { score } = seen;
  const threshold = effectiveThreshold(state, now);
  if (score <= threshold) {
    const share = 1 - Math.exp(-now.dt / UNREST_MS);
    const calm = score <= threshold * CALM || !state.calm || now.at - state.calm.at > 1000;
    return {
      state: {
        ...state,
        run: undefined,
        unrest: state.unrest + (score - state.unrest) * share,
        flutter: state.flutter + (seen.moving - state.flutter) * share,
        calm: calm ? { at: now.at, frame: now.frame } : state.calm,
      },
      transitions: [],
    };
  }
  const known = state.run ?? { since: now.at, count: 0, score, peak: 0 };
  const run = { ...known, count: known.count + 1 };
  if (score > known.peak) Object.assign(run, { peak: score, during: now.frame });
  const lasted = run.count >= now.plan.minFrames.value && now.at - run.since >= startHoldMs(now);
  if (!lasted || seen.held) return { state: { ...state, run }, transitions: [] };
  const activity: Activity = {
    event: now.newId(),
    startedAt: run.since,
    startScore: run.score,
    peak: run.peak,
    during: run.during,
    pre: state.calm?.frame,
    started: `score above ${threshold.toFixed(3)} in ${run.count} pictures over ${now.at - run.since} ms`,
    reference: seen.background,
  };
  const started = { ...state, run: undefined, activity };
  return { state: started, transitions: [interactionStart(state.name, activity, now)] };
}

/** One picture may be enough where the plan says so; otherwise a run must also last, for at 30 fps two pictures are next to nothing. */
function startHoldMs(now: Now): number {
  return now.plan.minFrames.value > 1 ? HOLDS.startS * 1000 : 0;
}

function goOn(state: RoiState, known: Activity, seen: Seen, now: Now): Step {
  const { score } = seen;
  const activity: Activity = { ...known };
  watchReturn(activity, score <= LEVELS.back * effectiveThreshold(state, now), now);
  const stillness =
    seen.moving === 0
      ? 'dead'
      : seen.moving <= LEVELS.still + 2 * state.flutter + LEVELS.stillPerChange * score
        ? 'still'
        : 'moving';
  if (score > activity.peak) {
    activity.peak = score;
    // What lies there still may be what is left in the end: that is the picture from after, not of what happened.
    if (stillness === 'moving') activity.during = now.frame;
  }
  watchStillness(activity, stillness, seen, now);
  const why = endOf(activity, seen, now);
  if (!why) return { state: { ...state, activity }, transitions: [] };
  const after = activity.after ?? seen.picture;
  const stock = stockChange(seen.roi, activity.reference, activity.back ? seen.picture : after, seen.layout, now.plan);
  const ended = activity.back ?? activity.still;
  const transitions = interactionEnd(
    state.name,
    activity,
    {
      at: ended?.since ?? now.at,
      why,
      score,
      stockChanged: stock.changed,
      inventory: stock.share,
      post: ended?.post ?? now.frame,
    },
    now,
  );
  const calm = { at: now.at, frame: now.frame };
  const rested = { ...state, activity: undefined, calm };
  return activity.back
    ? { state: rested, transitions }
    : { state: { ...rested, score: 0 }, transitions, rebase: after };
}

function watchReturn(activity: Activity, isBack: boolean, now: Now): void {
  if (!isBack) activity.back = undefined;
  else activity.back = { since: activity.back?.since ?? now.at, post: now.frame };
}

function watchStillness(
  activity: Activity,
  stillness: 'dead' | 'still' | 'moving',
  { picture, stillSince }: Seen,
  now: Now,
): void {
  if (stillness === 'moving') {
    activity.still = undefined;
    activity.after = undefined;
    return;
  }
  const still = activity.still ?? { since: stillSince, deadSince: stillSince, settled: false, count: 0 };
  const settled = now.at - still.since >= HOLDS.settleS * 1000;
  activity.after = still.count === 0 ? picture : averaged(activity.after ?? picture, picture, still.count);
  activity.still = {
    since: still.since,
    deadSince: stillness === 'dead' ? still.deadSince : now.at,
    settled,
    post: still.settled ? still.post : now.frame,
    count: Math.min(AFTER_COUNT, still.count + 1),
  };
}

/** Says why the interaction ends now, if it does. */
function endOf(activity: Activity, { score, roi, stirredAt, reachesOut }: Seen, now: Now): string | undefined {
  const holds = endHolds(now.plan);
  // At one picture in many seconds there is no sense in waiting for another one to say the same.
  const longPause = now.dt > holds.stillMs;
  if (activity.back && (longPause || now.at - activity.back.since >= holds.returnMs)) {
    return 'the ROI looks as before';
  }
  const { still } = activity;
  const crowded = score > LEVELS.crowded[roi.roi.kind];
  const elsewhere = now.at - stirredAt < holds.deadMs / 2;
  // Living things never stand as still as goods do; and while something moves beside the ROI, its shadow may rest here.
  const dead = still && !elsewhere && now.at - still.deadSince >= holds.deadMs;
  const hold = crowded ? holds.crowdedMs : elsewhere ? holds.quietMs : holds.stillMs;
  const lasts = still && now.at - still.since < holds.reachMs;
  if ((dead || (still && now.at - still.since >= hold)) && !(lasts && reachesOut(activity.startedAt))) {
    return crowded
      ? 'most of the ROI looks different, and nothing moves'
      : 'the ROI looks different, and nothing moves';
  }
  return now.at - activity.startedAt >= HOLDS.longestS * 1000 ? 'it lasted too long' : undefined;
}
