import type { CameraSettings, CameraSettingsChange } from '../../contracts/cameras.ts';
import type { CameraUrl } from '../camera-url.ts';
import type { SettingsFace } from '../driver.ts';
import type { Scene } from './scene.ts';

/** With these the scene looks as it was drawn. */
const EXPOSURE_MS = 100;
const GAIN = 1;
const RANGES = { exposure: { min: 1, max: 1000 }, gain: { min: 0.1, max: 16 }, fps: { min: 0.1, max: 60 } };
const SIZES = [
  [640, 360],
  [640, 480],
  [1280, 720],
  [1920, 1080],
] as const;

type SimUrl = CameraUrl & { kind: 'sim' };

/** The scene's address with what was set over it. */
export function tunedSim(url: SimUrl, { resolution, fps }: CameraSettingsChange): SimUrl {
  return { ...url, ...resolution, ...(fps !== undefined && { fps }) };
}

/** A drawn camera as one of glass: twice the exposure is twice the light, up to white. */
export function litScene(scene: Scene, { exposure, gain }: CameraSettingsChange): Scene {
  const light = ((exposure ?? EXPOSURE_MS) / EXPOSURE_MS) * ((gain ?? GAIN) / GAIN);
  if (light === 1) return scene;
  const shown = Uint8Array.from({ length: 256 }, (_, level) => Math.min(255, Math.round(level * light)));
  const pixels = new Uint8Array(scene.width * scene.height * 3);
  return {
    width: scene.width,
    height: scene.height,
    render(atMs) {
      // The scene goes on from its own pixels, so these are others.
      const drawn = scene.render(atMs);
      for (let at = 0; at < pixels.length; at += 1) pixels[at] = shown[drawn[at] ?? 0] ?? 0;
      return pixels;
    },
  };
}

/** What can be set at a drawn camera; `url` is the address without what was set. */
export function simSettings(url: SimUrl, set: CameraSettingsChange): SettingsFace {
  const now = tunedSim(url, set);
  const own = { width: url.width, height: url.height };
  const sizes = SIZES.map(([width, height]) => ({ width, height }));
  const isListed = sizes.some(({ width, height }) => width === own.width && height === own.height);
  const settings: CameraSettings = {
    exposure: set.exposure ?? EXPOSURE_MS,
    gain: set.gain ?? GAIN,
    resolution: { width: now.width, height: now.height },
    fps: now.fps,
    ranges: RANGES,
    available_resolutions: isListed ? sizes : [own, ...sizes],
  };
  return { read: async () => settings, apply: async () => 'restart' };
}
