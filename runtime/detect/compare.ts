import type { Decision, DetectionPlan, DetectionReport, GreyPicture, Transition } from '../contracts/detection.ts';
import type { NewId } from '../lib/ids.ts';
import { adapt, averaged, rebase } from './background.ts';
import { carryOver, closeAll, closeInteractions } from './carry.ts';
import { HOLDS } from './holds.ts';
import { fitLight, inLightOf, isSudden } from './illumination.ts';
import { effectiveThreshold, type Step, step } from './interaction.ts';
import { type Layout, layoutFor, type RoiLayout } from './layout.ts';
import { LEVELS } from './levels.ts';
import { follow, halve, type Motion, motionSince, movingShare } from './motion.ts';
import { watchObstruction } from './obstruction.ts';
import { proveAround } from './proof.ts';
import { followChanges, reachesOut } from './reach.ts';
import { watchShift } from './shift.ts';
import { atRest, type DetectionState, freshState, type RoiState } from './state.ts';
import { survey } from './survey.ts';
import type { Now } from './transitions.ts';
import { changedShare } from './windows.ts';

/**
 * Compares a picture with what is remembered of its camera. Answers the new state and what the picture showed; the state handed in is
 * left as it was. `at` is epoch ms, `frame` the id under which events name this picture. A picture not newer than the state is `late`
 * and changes nothing.
 */
export function compare(
  state: DetectionState | undefined,
  picture: GreyPicture,
  at: number,
  frame: string | undefined,
  plan: DetectionPlan,
  newId: NewId,
): { state: DetectionState; report: DetectionReport } {
  const layout = layoutFor(plan, picture.width, picture.height);
  if (state && at <= state.at && state.at - at < HOLDS.clockResetS * 1000) {
    return { state, report: reportOf(state, 'late', [], { at, frame, dt: 0, plan, newId }) };
  }
  const now: Now = { at, frame, dt: state ? at - state.at : 0, plan, newId };
  const { state: known, transitions } = carryOver(state, picture, layout, now);
  if (!known) {
    const fresh = { ...freshState(picture, now, plan.roiVersion), rois: layout.rois.map((roi) => unproven(roi, at)) };
    return { state: fresh, report: reportOf(fresh, 'learning', transitions, now) };
  }
  const next = known.learning ? learn(known, picture, layout, now) : look(known, picture, layout, now);
  return { state: next.state, report: reportOf(next.state, next.decision, [...transitions, ...next.transitions], now) };
}

interface Outcome {
  state: DetectionState;
  decision: Decision;
  transitions: Transition[];
}

/** The first pictures are averaged. */
function learn(known: DetectionState, picture: GreyPicture, layout: Layout, now: Now): Outcome {
  const learning = known.learning ?? { since: now.at, count: 0 };
  const long = now.dt > HOLDS.learnS * 1000;
  const background = long ? picture.pixels : averaged(known.background, picture.pixels, learning.count);
  const done = now.at - learning.since >= HOLDS.learnS * 1000;
  const calm = { at: now.at, frame: now.frame };
  return {
    state: {
      ...advanced(known, now),
      background,
      recent: follow(known.recent, halve(picture.pixels, layout.width, layout.height), now.at),
      adapted: { followedAt: now.at, creptAt: now.at },
      learning: done ? undefined : { ...learning, count: learning.count + 1 },
      rois: known.rois.map((roi) => ({ ...roi, calm })),
    },
    decision: 'learning',
    transitions: [],
  };
}

function look(known: DetectionState, picture: GreyPicture, layout: Layout, now: Now): Outcome {
  const light = fitLight(picture.pixels, known.background, layout, known.light);
  const lit = inLightOf(picture.pixels, known.background, light);
  const seen = survey(lit, known.background, layout, light);
  const half = halve(lit, layout.width, layout.height);
  const motion = motionSince(known.recent, half, layout);
  const lightJumpAt = isSudden(known.light, light) ? now.at : known.lightJumpAt;
  const state: DetectionState = {
    ...advanced(known, now),
    light,
    lightJumpAt,
    changedSince: followChanges(known.changedSince, seen.changed, now.at),
    recent: follow(known.recent, half, now.at),
  };

  const obstruction = watchObstruction(known.obstruction, seen, known.frame, now);
  state.obstruction = obstruction.obstruction;
  if (obstruction.obstruction) {
    const why = 'the camera is obstructed';
    const closed = obstruction.confirmed
      ? closeInteractions(state, obstruction.obstruction.since, why, now)
      : undefined;
    state.rois = (closed?.state ?? state).rois.map((roi) => ({ ...roi, run: undefined }));
    return { state, decision: 'obstructed', transitions: [...(closed?.transitions ?? []), ...obstruction.transitions] };
  }

  const moving = movingShare(motion, layout.grid, layout);
  const shift = watchShift(known.upheaval, seen, moving, layout.grid.length, known.frame, now);
  state.upheaval = shift.upheaval;
  if (moving > LEVELS.stirred) state.stirredAt = now.at;
  if (shift.relearn) {
    const closed = closeAll(state, now.at, 'the camera was moved', now);
    const fresh = {
      ...freshState(picture, now, now.plan.roiVersion),
      rois: layout.rois.map((roi) => unproven(roi, now.at)),
      interval: state.interval,
    };
    const transitions = [...obstruction.transitions, ...closed.transitions, ...shift.transitions];
    return { state: fresh, decision: shift.transitions.length > 0 ? 'shifted' : 'learning', transitions };
  }

  const hunting = lightJumpAt !== undefined && now.at - lightJumpAt < HOLDS.lightS * 1000;
  const held = shift.holdsStarts || hunting;
  const steps = layout.rois.map((roi, i) =>
    stepRoi(state.rois[i] ?? atRest(roi), roi, { state, layout, lit, motion, held }, now),
  );
  state.rois = steps.map((one) => one.state);
  const frozen = frozenPixels(state.rois, layout);
  // At rest the background follows the light as it is; while something is frozen, light is taken out, or the two would drift apart.
  const source = frozen ? lit : picture.pixels;
  if (!shift.upheaval && !hunting) {
    const { background, adapted } = adapt(
      known.background,
      source,
      frozen,
      seen.changed,
      layout,
      known.adapted,
      now.at,
    );
    Object.assign(state, { background, adapted });
  } else {
    state.adapted = { followedAt: now.at, creptAt: now.at };
  }
  // An arm that is out there now belongs to an interaction, and must be told from the place.
  if (state.unproven && !frozen) {
    Object.assign(state, proveAround(state.unproven, state.background, lit, seen.changed, layout, now.at));
  }
  steps.forEach((one, i) => {
    const roi = layout.rois[i];
    if (one.rebase && roi) state.background = rebase(state.background, one.rebase, roi);
  });
  const transitions = [...obstruction.transitions, ...steps.flatMap((one) => one.transitions)];
  return { state, decision: decisionOf(state, transitions), transitions };
}

interface Scene {
  state: DetectionState;
  layout: Layout;
  lit: Uint8Array;
  motion: Motion;
  held: boolean;
}

function stepRoi(known: RoiState, roi: RoiLayout, scene: Scene, now: Now): Step {
  const { layout, lit, state } = scene;
  const reference = known.activity?.reference ?? state.background;
  const score = changedShare(lit, reference, roi.windows, layout);
  const moving = movingShare(scene.motion, roi.windows, layout);
  return step(
    known,
    {
      roi,
      layout,
      picture: lit,
      background: state.background,
      score,
      moving,
      stillSince: scene.motion.since,
      stirredAt: state.stirredAt ?? 0,
      reachesOut: (startedAt) => reachesOut(roi, layout, state.changedSince ?? [], startedAt),
      held: scene.held,
    },
    now,
  );
}

function unproven(roi: RoiLayout, at: number): RoiState {
  return { ...atRest(roi), unproven: { since: at, stillSince: at } };
}

function advanced(known: DetectionState, now: Now): DetectionState {
  const interval = known.interval === undefined ? now.dt : known.interval + (now.dt - known.interval) * 0.1;
  return { ...known, at: now.at, frame: now.frame, roiVersion: now.plan.roiVersion, interval };
}

/** Pixels that keep what they showed before an interaction; undefined when all is at rest. */
function frozenPixels(rois: RoiState[], layout: Layout): Uint8Array | undefined {
  const busy = layout.rois.filter((_, i) => rois[i]?.activity || rois[i]?.run);
  if (busy.length === 0) return undefined;
  const frozen = new Uint8Array(layout.width * layout.height);
  for (const roi of busy) {
    for (let pixel = 0; pixel < frozen.length; pixel += 1) {
      if (roi.cover[pixel]) frozen[pixel] = 1;
    }
  }
  return frozen;
}

function decisionOf(state: DetectionState, transitions: Transition[]): Decision {
  const active = state.rois.flatMap((roi) => (roi.activity ? [roi.activity] : []));
  if (active.some((activity) => !activity.back && !activity.still)) return 'active';
  if (active.length > 0 || transitions.some((one) => one.phase === 'end')) return 'ending';
  return state.rois.some((roi) => roi.run) ? 'starting' : 'quiet';
}

function reportOf(state: DetectionState, decision: Decision, events: Transition[], now: Now): DetectionReport {
  return {
    camera: now.plan.camera,
    at: now.at,
    decision,
    rois: state.rois.map((roi) => ({
      name: roi.name,
      score: roi.score,
      threshold: effectiveThreshold(roi, now),
      active: roi.activity !== undefined,
    })),
    events,
  };
}
