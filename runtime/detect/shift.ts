import type { Transition } from '../contracts/detection.ts';
import { HOLDS } from './holds.ts';
import { LEVELS } from './levels.ts';
import type { Upheaval } from './state.ts';
import type { Survey } from './survey.ts';
import { type Now, pictureEvent } from './transitions.ts';

/** Share of the whole picture that may move while it still counts as still. */
const STILL = 0.05;
/** Share of the detail that must be there for a moved camera. */
const DETAIL_LEFT = 0.4;
/** A picture without detail that gets some: windows with detail, share of all. */
const REVEALED = 0.15;

/** What became of the suspicion that the camera was moved. */
export interface ShiftStep {
  upheaval?: Upheaval;
  transitions: Transition[];
  /** nothing may start: it is not known yet whether something moves or the camera did */
  holdsStarts: boolean;
  /** the background is worthless: begin anew */
  relearn: boolean;
}

/**
 * Most of the picture shows something else: people do that for a moment, a moved camera for good and without motion.
 * A background without detail to which detail comes (it was learned behind a lens cap) is learned anew without an event.
 */
export function watchShift(
  known: Upheaval | undefined,
  seen: Survey,
  moving: number,
  windows: number,
  pre: string | undefined,
  now: Now,
): ShiftStep {
  const revealed = !seen.telling && seen.detailNow > REVEALED * windows;
  const elsewhere = seen.displaced > LEVELS.shifted && seen.detailNow > DETAIL_LEFT * seen.detailThen;
  if (!revealed && !elsewhere) return { transitions: [], holdsStarts: false, relearn: false };
  const still = moving <= STILL;
  const upheaval: Upheaval = {
    since: known?.since ?? now.at,
    stillSince: still && known ? known.stillSince : now.at,
    pre: known ? known.pre : pre,
    score: Math.max(known?.score ?? 0, revealed ? 1 : seen.displaced),
  };
  const lasted = (since: number, seconds: number) => now.at - since >= seconds * 1000;
  const holdsStarts = !lasted(upheaval.since, HOLDS.upheavalS) || still;
  const settled =
    lasted(upheaval.since, HOLDS.shiftedS) && lasted(upheaval.stillSince, HOLDS.shiftedS - HOLDS.upheavalS);
  if (!settled) return { upheaval, transitions: [], holdsStarts, relearn: false };
  return { transitions: revealed ? [] : shifted(upheaval, now), holdsStarts, relearn: true };
}

function shifted(upheaval: Upheaval, now: Now): Transition[] {
  const what = {
    event: now.newId(),
    startedAt: upheaval.since,
    endedAt: now.at,
    score: upheaval.score,
    frames: {
      ...(upheaval.pre ? { pre: upheaval.pre } : {}),
      ...(now.frame ? { during: now.frame, post: now.frame } : {}),
    },
    threshold: LEVELS.shifted,
    decision: { started: 'most of the picture shows something else, and nothing moves' },
  };
  return [pictureEvent('start', 'scene_shifted', what, now), pictureEvent('end', 'scene_shifted', what, now)];
}
