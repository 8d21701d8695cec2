import { type Static, Type } from 'typebox';
import { Resolution, type SettingRange } from './cameras.ts';

/** Settings of a camera that have a topic of their own (`c/<camera>/<control>/…`). */
export const CAMERA_CONTROLS = ['exposure', 'gain', 'fps', 'resolution'] as const;
export type CameraControl = (typeof CAMERA_CONTROLS)[number];

/** Body of `c/<camera>/<control>/set`; what the value may be is up to the control. Unknown fields are ignored. */
export const CameraControlSet = Type.Object({ value: Type.Union([Type.Number(), Type.Null(), Resolution]) });
export type CameraControlSet = Static<typeof CameraControlSet>;

/** Body of `c/<camera>/<control>/state`, retained: how it is now. */
export interface CameraControlState {
  /** null: the camera finds it by itself */
  value: number | Resolution | null;
  /** what it may be set to */
  range?: SettingRange;
  choices?: Resolution[];
  /** why the last `set` did nothing */
  error?: string;
}

/** Tells whether a name is one of them. */
export function isCameraControl(name: string): name is CameraControl {
  return CAMERA_CONTROLS.some((control) => control === name);
}
