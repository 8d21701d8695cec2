import type { CameraSettings, CameraSettingsChange, CameraState, CaptureOptions } from '../contracts/cameras.ts';
import type { Still } from '../contracts/frame.ts';
import type { RemoteCamera } from '../contracts/remote-cameras.ts';

/** A picture on its way from a driver; the camera set adds whose it is. */
export type Picture = Omit<Still, 'camera'>;

/** How a driver is doing; without the camera's address, which may hold a password. */
export interface DriverStatus {
  state: CameraState;
  /** epoch ms of the last picture */
  lastFrameAt?: number;
  /** why it is failed or stalled, in words */
  reason?: string;
}

/** What can be set at a camera. A driver without it is for a camera that is set elsewhere. */
export interface SettingsFace {
  /** How it stands, with what was set here before; asks the device where only that knows. */
  read(): Promise<CameraSettings>;
  /**
   * Takes a change that was checked against what `read` told. `done`: the device has it already; `restart`: it holds for drivers and
   * sources that are made from now on (`DriverParts.settings`).
   */
  apply(change: CameraSettingsChange): Promise<'done' | 'restart'>;
}

/**
 * What gives stills, one per camera. It knows one device or address and nothing of camera ids. A driver that also streams
 * will add a second face beside this one; a still from a running stream then costs no second process.
 */
export interface StillDriver {
  /** `sim`, `file`, `rtsp`, `v4l2`, `rpicam` */
  readonly kind: string;
  /** Checks what can be checked without a camera's time; may be called again after it threw. */
  open(): Promise<void>;
  /**
   * The picture of now. `width` and `height` are a box that the picture is fitted into (never cut, distorted or enlarged).
   * Several calls at once are fine. Throws an AppError whose message says in words what is wrong.
   */
  capture(options: CaptureOptions, signal?: AbortSignal): Promise<Picture>;
  status(): DriverStatus;
  /** Leaves no process behind when it resolves; may be called twice. */
  close(): Promise<void>;
  readonly control?: SettingsFace;
  /** what its own machine does besides, where it has one */
  readonly remote?: RemoteCamera;
}
