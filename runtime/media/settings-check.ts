import type { CameraSettings, CameraSettingsChange, SettingRange } from '../contracts/cameras.ts';
import { AppError } from '../contracts/errors.ts';

const WORDS = { exposure: ' ms', gain: '', fps: ' pictures a second' } as const;

/** Throws `camera.setting_invalid`, which names what is wrong and what can be set, unless the camera can do all of it. */
export function checkSettings(change: CameraSettingsChange, known: CameraSettings): void {
  for (const field of ['exposure', 'gain', 'fps'] as const) {
    const value = change[field];
    if (value !== undefined) checkRange(field, value, known.ranges[field]);
  }
  const { resolution } = change;
  if (!resolution) return;
  const sizes = known.available_resolutions;
  if (sizes.some(({ width, height }) => width === resolution.width && height === resolution.height)) return;
  const list = sizes.map(({ width, height }) => `${width}x${height}`).join(', ');
  refuse('resolution', list === '' ? 'cannot be chosen' : `must be one of ${list}`);
}

function checkRange(field: keyof typeof WORDS, value: number | null, range: SettingRange | undefined): void {
  if (!range) refuse(field, 'cannot be set');
  if (value === null ? field !== 'fps' : value >= range.min && value <= range.max) return;
  const alone = field === 'fps' ? '' : ', or null to leave it to the camera';
  refuse(field, `must be from ${range.min} to ${range.max}${WORDS[field]}${alone}`);
}

function refuse(field: string, why: string): never {
  throw new AppError('camera.setting_invalid', `${field} of this camera ${why}`, { field });
}
