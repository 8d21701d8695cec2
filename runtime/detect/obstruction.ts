import type { Transition } from '../contracts/detection.ts';
import { HOLDS } from './holds.ts';
import { LEVELS } from './levels.ts';
import type { Obstruction } from './state.ts';
import type { Survey } from './survey.ts';
import { type Now, pictureEvent } from './transitions.ts';

/** What became of the suspicion that something is in front of the camera. */
export interface ObstructionStep {
  obstruction?: Obstruction;
  transitions: Transition[];
  /** the event began with this picture */
  confirmed: boolean;
}

/** Detail that is gone from most of the picture for some seconds is an obstruction; it ends when detail has been back for a while. */
export function watchObstruction(
  known: Obstruction | undefined,
  seen: Survey,
  pre: string | undefined,
  now: Now,
): ObstructionStep {
  const { lost } = seen;
  if (!known) {
    const obstruction = lost > LEVELS.obstructed ? { since: now.at, pre, during: now.frame, peak: lost } : undefined;
    return { obstruction, transitions: [], confirmed: false };
  }
  const obstruction: Obstruction = { ...known };
  if (lost > known.peak) Object.assign(obstruction, { peak: lost, during: now.frame });
  if (!known.event) {
    if (lost <= LEVELS.obstructed) return { transitions: [], confirmed: false };
    if (now.at - known.since < HOLDS.obstructedS * 1000) return { obstruction, transitions: [], confirmed: false };
    obstruction.event = now.newId();
    return { obstruction, transitions: [transition('start', obstruction, undefined, now)], confirmed: true };
  }
  if (lost > LEVELS.clear) {
    return { obstruction: { ...obstruction, clear: undefined }, transitions: [], confirmed: false };
  }
  const clear = { since: known.clear?.since ?? now.at, post: now.frame };
  const longPause = now.dt > HOLDS.clearS * 1000;
  if (!longPause && now.at - clear.since < HOLDS.clearS * 1000) {
    return { obstruction: { ...obstruction, clear }, transitions: [], confirmed: false };
  }
  return { transitions: [transition('end', obstruction, { ...clear, why: 'detail is back' }, now)], confirmed: false };
}

/** Closes an obstruction that cannot be followed any further. */
export function closeObstruction(known: Obstruction | undefined, at: number, why: string, now: Now): Transition[] {
  return known?.event ? [transition('end', known, { since: at, why }, now)] : [];
}

function transition(
  phase: 'start' | 'end',
  what: Obstruction,
  end: { since: number; post?: string; why: string } | undefined,
  now: Now,
): Transition {
  return pictureEvent(
    phase,
    'camera_obstructed',
    {
      event: what.event ?? '',
      startedAt: what.since,
      ...(end ? { endedAt: Math.max(end.since, what.since) } : {}),
      score: what.peak,
      frames: {
        ...(what.pre ? { pre: what.pre } : {}),
        ...(what.during ? { during: what.during } : {}),
        ...(end?.post ? { post: end.post } : {}),
      },
      threshold: LEVELS.obstructed,
      decision: { started: 'most of the picture lost its detail', ...(end ? { ended: end.why } : {}) },
    },
    now,
  );
}
