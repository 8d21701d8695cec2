import type { DetectionPlan } from '../contracts/detection.ts';

/**
 * How long things must last before they count. `interaction_end_timeout_s` (3 s) is the one dial of the contract: the holds that
 * end an interaction are shares of it, so that an operator who doubles it doubles them all.
 *
 * | what is seen                                         | share | at 3 s |
 * |------------------------------------------------------|-------|--------|
 * | the ROI looks again as it did before                 | 0.1   | 0.3 s  |
 * | it looks different, not one of its windows moves     | 0.4   | 1.2 s  |
 * | it looks different, next to nothing in it moves      | 0.5   | 1.5 s  |
 * | the same, but something moves elsewhere in the       | 1     | 3 s    |
 * | picture: hands cast shadows                          |       |        |
 * | most of it looks different (somebody may stand       | 1.67  | 5 s    |
 * | there), next to nothing moves                        |       |        |
 * | what changed leads out of it to the picture's edge,  | 10    | 30 s   |
 * | or is larger out there: an arm, somebody             |       |        |
 */
export const HOLDS = {
  /** an interaction needs `minFrames` in a row that also span this */
  startS: 0.06,
  returnShare: 0.1,
  deadShare: 0.4,
  stillShare: 0.5,
  quietShare: 1,
  crowdedShare: 5 / 3,
  reachShare: 10,
  /** a picture this long after motion ceased is sharp enough to be the `post` one */
  settleS: 0.3,
  /** no interaction lasts longer; what still differs then becomes the background */
  longestS: 600,
  /** first pictures of a camera are averaged into its background */
  learnS: 0.5,
  /** ... which is believed where the place has kept that look for so long: nothing starts there before */
  provenS: 2,
  /** ... or after this, where it never keeps still */
  unprovenS: 15,
  /** after a sudden change of light, nothing starts: exposure and white balance are still hunting */
  lightS: 0.3,
  /** a picture without detail is an obstruction after this */
  obstructedS: 3,
  /** ... and is over when detail has been back for this */
  clearS: 1,
  /** nearly everything differs: nothing starts for this long, so that a camera that was moved is not read as an interaction */
  upheavalS: 1.5,
  /** ... and when nothing moves meanwhile, the camera was moved */
  shiftedS: 4,
  /** this long without a picture ends what is open ... */
  gapS: 60,
  /** ... and after this long the background is learned anew */
  forgetS: 3600,
  /** a camera that sends seldom may pause this many of its usual intervals */
  gapIntervals: 10,
  /** a picture older than this is no late one: the camera's clock was set back */
  clockResetS: 86_400,
} as const;

/** The holds that end an interaction, in ms, for the plan's end timeout. */
export interface EndHolds {
  returnMs: number;
  deadMs: number;
  stillMs: number;
  quietMs: number;
  crowdedMs: number;
  reachMs: number;
}

/** Holds in ms from the plan's one dial. */
export function endHolds(plan: DetectionPlan): EndHolds {
  const timeout = plan.endTimeoutMs.value;
  return {
    returnMs: timeout * HOLDS.returnShare,
    deadMs: timeout * HOLDS.deadShare,
    stillMs: timeout * HOLDS.stillShare,
    quietMs: timeout * HOLDS.quietShare,
    crowdedMs: timeout * HOLDS.crowdedShare,
    reachMs: timeout * HOLDS.reachShare,
  };
}
