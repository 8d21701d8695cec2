import type { DeviceConfig } from '../../contracts/device-config.ts';

export interface VisitHint {
  /** shorter visits may be missed, in ms */
  missedBelowMs: number;
  intervalMs: number;
  /** pictures that must show a visit */
  frames: number;
}

/**
 * How long somebody must stay to be seen for certain. A visit of `v` is on at least ⌊v / interval⌋ pictures, wherever it falls between
 * two of them; `interaction_min_frames` in a row must show it. A burst comes only once something has begun, so it does not help the
 * first pictures.
 */
export function visitHint(config: DeviceConfig): VisitHint {
  const intervalMs = config.capture_interval_s * 1000;
  const frames = config.interaction_min_frames;
  return { missedBelowMs: intervalMs * frames, intervalMs, frames };
}
