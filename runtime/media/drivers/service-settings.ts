import type { CameraSettingsChange } from '../../contracts/cameras.ts';
import { AppError } from '../../contracts/errors.ts';
import type { SettingsFace } from '../driver.ts';

/** Where a service does not say its limits: it judges by itself. */
const ANY = { min: 0, max: 1_000_000 };

/** Settings of a camera service in one shape, from either dialect; what the service does not tell is undefined. */
export interface ServiceSettings {
  /** ms */
  exposure: number;
  gain: number;
  resolution: Resolution;
  availableResolutions: Resolution[];
  connected: boolean;
  streaming: boolean;
  exposureRange?: { min: number; max: number };
  gainRange?: { min: number; max: number };
  autoExposure?: boolean;
}

export interface Resolution {
  width: number;
  height: number;
}

/** Reads `GET /settings` of seed 002 (both dialects, S2.6, S2.36); what is missing or of a wrong type becomes a plain default. */
export function serviceSettings(answer: Record<string, unknown>): ServiceSettings {
  const resolution = resolutionOf(answer.resolution) ?? { width: 0, height: 0 };
  const listed = Array.isArray(answer.available_resolutions)
    ? answer.available_resolutions.flatMap((one) => resolutionOf(one) ?? [])
    : [];
  const exposureRange = rangeOf(answer.exposureMin, answer.exposureMax);
  const gainRange = rangeOf(answer.gainMin, answer.gainMax);
  return {
    exposure: numberOf(answer.exposure) ?? 0,
    gain: numberOf(answer.gain) ?? 0,
    resolution,
    availableResolutions: listed.length > 0 ? listed : [resolution],
    connected: answer.connected === true,
    streaming: answer.streaming === true,
    ...(exposureRange && { exposureRange }),
    ...(gainRange && { gainRange }),
    ...(typeof answer.autoExposure === 'boolean' && { autoExposure: answer.autoExposure }),
  };
}

/** Exposure and gain of a camera behind such a service, which takes them while it runs. */
export function serviceControl(service: {
  settings(): Promise<ServiceSettings>;
  change(change: { exposure?: number; gain?: number }): Promise<unknown>;
}): SettingsFace {
  return {
    async read() {
      const told = await service.settings();
      const { exposure, gain, resolution, exposureRange = ANY, gainRange = ANY } = told;
      const ranges = { exposure: exposureRange, gain: gainRange };
      const size = resolution.width > 0 ? { resolution } : {};
      // One alone is no choice. Several are told as the service tells them (S2.6), though only its own page takes one.
      const sizes = told.availableResolutions.length > 1 ? told.availableResolutions : [];
      return { exposure, gain, ...size, ranges, available_resolutions: sizes };
    },
    async apply(change) {
      if (change.resolution) {
        const words = 'the resolution of this camera is chosen at its own service';
        throw new AppError('camera.setting_invalid', words, { field: 'resolution' });
      }
      await service.change({ ...given('exposure', change), ...given('gain', change) });
      return 'done';
    },
  };
}

function given(field: 'exposure' | 'gain', change: CameraSettingsChange): { exposure?: number; gain?: number } {
  const value = change[field];
  if (value === null) {
    throw new AppError('camera.setting_invalid', `${field} of this camera cannot be left to it from here`, { field });
  }
  return value === undefined ? {} : { [field]: value };
}

function resolutionOf(value: unknown): Resolution | undefined {
  const { width, height } = (value ?? {}) as { width?: unknown; height?: unknown };
  const [w, h] = [numberOf(width), numberOf(height)];
  return w === undefined || h === undefined ? undefined : { width: w, height: h };
}

function rangeOf(least: unknown, most: unknown): { min: number; max: number } | undefined {
  const [min, max] = [numberOf(least), numberOf(most)];
  return min === undefined || max === undefined ? undefined : { min, max };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
