import type { CameraSettings, CameraSettingsChange } from '../contracts/cameras.ts';
import type { SettingsFace } from './driver.ts';

/** What rpicam-vid is asked for where nothing was set; the hardware encoder ends at 1920 × 1080. */
const SIZE = { width: 1280, height: 720 };
const FPS = 30;
const SIZES = [
  [640, 360],
  [640, 480],
  [1280, 720],
  [1920, 1080],
] as const;
/** All of the Pi's sensors can do this much; what a sensor cannot, it comes near to by itself. */
const RANGES = { exposure: { min: 0.05, max: 1000 }, gain: { min: 1, max: 16 }, fps: { min: 1, max: 60 } };

/** Size and rate of the Pi's live stream. A long exposure takes its time: the rate is then as high as it leaves it. */
export function rpicamRate({ resolution = SIZE, fps = FPS, exposure }: CameraSettingsChange) {
  return { ...resolution, fps: Math.min(fps, fastest(exposure)) };
}

/** Pictures a second that an exposure leaves time for. */
export function fastest(exposure: number | null | undefined): number {
  return exposure == null ? Number.POSITIVE_INFINITY : 1000 / exposure;
}

/** Options of rpicam-vid for exposure and gain; none where the camera finds them by itself. */
export function rpicamLight({ exposure, gain }: CameraSettingsChange): string[] {
  const shutter = exposure == null ? [] : ['--shutter', `${Math.round(exposure * 1000)}`];
  return [...shutter, ...(gain == null ? [] : ['--gain', `${gain}`])];
}

/** What can be set at the Pi's camera: rpicam-vid takes it at its start only. */
export function rpicamSettings(set: CameraSettingsChange): SettingsFace {
  const { width, height, fps } = rpicamRate(set);
  const settings: CameraSettings = {
    exposure: set.exposure ?? null,
    gain: set.gain ?? null,
    resolution: { width, height },
    fps,
    ranges: RANGES,
    available_resolutions: SIZES.map(([wide, high]) => ({ width: wide, height: high })),
  };
  return { read: async () => settings, apply: async () => 'restart' };
}
