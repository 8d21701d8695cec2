/** What a camera can be asked for when it gives a still. */
export interface CaptureOptions {
  width?: number;
  height?: number;
  jpegQuality?: number;
}

export type CameraState = 'idle' | 'live' | 'stalled' | 'failed';

/** A camera as nodes and pages see it: never its URL, which may hold a password. */
export interface CameraStatus {
  id: string;
  driver: string;
  state: CameraState;
  /** epoch ms of the last picture */
  lastFrameAt?: number;
  /** why it is failed or stalled, in words */
  reason?: string;
}
