import type { CameraSettingsChange, SettingRange } from '../contracts/cameras.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import { run } from '../lib/child-process.ts';
import { findProgram } from './auto.ts';

const LIMITS = { timeoutMs: 5000, maxOutputBytes: 256 * 1024 };
/** The unit of V4L2_CID_EXPOSURE_ABSOLUTE is 100 µs. */
const PER_MS = 10;
/** Values of V4L2_CID_EXPOSURE_AUTO (kernel: enum v4l2_exposure_auto_type). */
const MANUAL = 1;
const APERTURE_PRIORITY = 3;
/** The kernel renamed them in 5.18. */
const EXPOSURE = ['exposure_time_absolute', 'exposure_absolute'];
const EXPOSURE_AUTO = ['auto_exposure', 'exposure_auto'];

interface Control extends SettingRange {
  value: number;
}

/** A camera's light as it stands. */
export interface Light {
  exposure?: { value: number | null; range: SettingRange };
  gain?: { value: number; range: SettingRange };
}

/** Reads what `v4l2-ctl --list-ctrls` prints, as `gain 0x00980913 (int) : min=0 max=100 step=1 default=0 value=4`. */
export function readControls(list: string): Map<string, Control> {
  const rows = list.matchAll(/^\s*(\w+) 0x[0-9a-f]+ \((?:int|menu)\)\s*: min=(-?\d+) max=(-?\d+).*?\bvalue=(-?\d+)/gm);
  return new Map(
    [...rows].map(([, name = '', min, max, value]) => [
      name,
      { min: Number(min), max: Number(max), value: Number(value) },
    ]),
  );
}

/** Exposure and gain of a Video4Linux camera; empty where it has none, or v4l2-ctl is not installed. */
export async function readLight(program: string, device: string): Promise<Light> {
  const controls = await listControls(program, device);
  const exposure = firstOf(controls, EXPOSURE)?.[1];
  const auto = firstOf(controls, EXPOSURE_AUTO)?.[1];
  const gain = controls.get('gain');
  const isManual = auto === undefined || auto.value === MANUAL;
  return {
    ...(exposure && {
      exposure: {
        value: isManual ? exposure.value / PER_MS : null,
        range: { min: exposure.min / PER_MS, max: exposure.max / PER_MS },
      },
    }),
    ...(gain && { gain: { value: gain.value, range: { min: gain.min, max: gain.max } } }),
  };
}

/** Sets exposure and gain while the camera runs; `null` gives exposure back to it. Throws `camera.unreachable` with its words. */
export async function writeLight(program: string, device: string, change: CameraSettingsChange): Promise<void> {
  const { exposure, gain } = change;
  if (exposure === undefined && gain == null) return;
  const controls = await listControls(program, device);
  const names = { auto: firstOf(controls, EXPOSURE_AUTO)?.[0], exposure: firstOf(controls, EXPOSURE)?.[0] };
  const values: string[] = [];
  // The way first: the time may be written only in the manual one.
  if (exposure !== undefined && names.auto)
    values.push(`${names.auto}=${exposure === null ? APERTURE_PRIORITY : MANUAL}`);
  if (exposure != null && names.exposure) values.push(`${names.exposure}=${Math.round(exposure * PER_MS)}`);
  if (gain != null && controls.has('gain')) values.push(`gain=${Math.round(gain)}`);
  for (const value of values) await control(program, device, ['--set-ctrl', value]);
}

async function listControls(program: string, device: string): Promise<Map<string, Control>> {
  if (!(await findProgram([program]))) return new Map();
  return readControls(await control(program, device, ['--list-ctrls']));
}

async function control(program: string, device: string, args: string[]): Promise<string> {
  try {
    return (await run({ command: program, args: ['--device', device, ...args], ...LIMITS })).toString('utf8');
  } catch (thrown) {
    const { message } = toAppError(thrown);
    throw new AppError('camera.unreachable', `${device} could not be set: ${message}`, {}, { cause: thrown });
  }
}

function firstOf(controls: Map<string, Control>, names: readonly string[]): [string, Control] | undefined {
  for (const name of names) {
    const found = controls.get(name);
    if (found) return [name, found];
  }
  return undefined;
}
