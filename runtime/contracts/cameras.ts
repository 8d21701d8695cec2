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
  /** no camera of the register: a flow brought it along */
  byFlow?: true;
}

/** What came of trying a camera's address once. Words never hold its password. */
export type CameraTest =
  | { ok: false; code: string; reason: string; driver?: string }
  | {
      ok: true;
      /** what answered, as `rtsp` */
      driver: string;
      /** pixels of the still */
      width: number;
      height: number;
      /** ms until the still was there */
      took_ms: number;
      live: LiveTest;
    };

export interface LiveTest {
  works: boolean;
  /** WebRTC too; else HLS and MJPEG only */
  webrtc: boolean;
  /** RFC 6381, as `avc1.42e01f` */
  codec?: string;
  width?: number;
  height?: number;
  b_frames?: boolean;
  /** codec of its sound */
  sound?: string;
  /** what does not work and why, or what is special about it */
  reason?: string;
}
