import {
  CAMERA_CONTROLS,
  type CameraControl,
  CameraControlSet,
  type CameraControlState,
  isCameraControl,
} from '../contracts/camera-controls.ts';
import type { CameraSettings, CameraSettingsChange } from '../contracts/cameras.ts';
import { toAppError } from '../contracts/errors.ts';
import type { Log } from '../contracts/host.ts';
import { parser } from '../lib/validate.ts';

export interface CameraControlsOptions {
  /** How a camera captures, after the change if one is given. */
  settings: (camera: string, change?: CameraSettingsChange) => Promise<CameraSettings>;
  /** Publishes the state of a control. */
  say: (camera: string, control: CameraControl, state: CameraControlState) => void;
  log: Log;
}

const parseSet = parser(CameraControlSet);

/**
 * The settings of cameras as topics of their own: takes `set` and says `state` (CONTRACTS §5). What comes while a camera is being
 * changed waits, and only the newest of each control: a slider that is dragged costs one restart, not forty.
 */
export class CameraControls {
  readonly #options: CameraControlsOptions;
  readonly #waiting = new Map<string, Map<CameraControl, CameraControlSet['value']>>();

  constructor(options: CameraControlsOptions) {
    this.#options = options;
  }

  /** Takes the body of `c/<camera>/<control>/set`. What it cannot be is told at the control's `state`. */
  hear(camera: string, control: string, body: unknown): void {
    const { log } = this.#options;
    if (!isCameraControl(control)) {
      log.warn('a camera has no such control', { camera, control });
      return;
    }
    let value: CameraControlSet['value'];
    try {
      ({ value } = parseSet(body));
    } catch (error) {
      void this.#refuse(camera, [control], error);
      return;
    }
    const waiting = this.#waiting.get(camera);
    if (waiting) waiting.set(control, value);
    else {
      this.#waiting.set(camera, new Map([[control, value]]));
      void this.#work(camera);
    }
  }

  /** Says how the camera's controls are, those that can be set. */
  async tell(camera: string): Promise<void> {
    try {
      this.note(camera, await this.#options.settings(camera));
    } catch (error) {
      this.#options.log.debug('the controls of a camera are not known', { camera, error });
    }
  }

  /** Says what is known from elsewhere. */
  note(camera: string, settings: CameraSettings): void {
    for (const control of CAMERA_CONTROLS) {
      const state = stateOf(control, settings);
      if (state) this.#options.say(camera, control, state);
    }
  }

  async #work(camera: string): Promise<void> {
    for (;;) {
      const wanted = this.#waiting.get(camera);
      if (!wanted?.size) break;
      this.#waiting.set(camera, new Map());
      try {
        const change = Object.fromEntries(wanted) as CameraSettingsChange;
        this.note(camera, await this.#options.settings(camera, change));
      } catch (error) {
        await this.#refuse(camera, [...wanted.keys()], error);
      }
    }
    this.#waiting.delete(camera);
  }

  async #refuse(camera: string, controls: CameraControl[], thrown: unknown): Promise<void> {
    const { settings, say, log } = this.#options;
    const { message: error } = toAppError(thrown);
    log.warn('a control of a camera was not set', { camera, controls: controls.join(','), reason: error });
    const now = await settings(camera).catch(() => undefined);
    for (const control of controls) say(camera, control, { value: null, ...(now && stateOf(control, now)), error });
  }
}

/** Undefined for what is the camera's own affair. */
function stateOf(control: CameraControl, settings: CameraSettings): CameraControlState | undefined {
  if (control === 'resolution') {
    const { available_resolutions: choices, resolution: value } = settings;
    return choices.length > 0 && value ? { value, choices } : undefined;
  }
  const range = settings.ranges[control];
  return range && { value: settings[control] ?? null, range };
}
