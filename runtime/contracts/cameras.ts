import { type Static, Type } from 'typebox';

/** What a camera can be asked for when it gives a still. */
export interface CaptureOptions {
  width?: number;
  height?: number;
  jpegQuality?: number;
  /** by the camera itself in the size asked for, also where its stream has to pause for that, some two seconds */
  full?: boolean;
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

/** Whether and how it can be watched live. */
export const LiveTest = Type.Object(
  {
    works: Type.Boolean(),
    webrtc: Type.Boolean({ description: 'WebRTC too; else HLS and MJPEG only' }),
    codec: Type.Optional(Type.String({ description: 'RFC 6381, as avc1.42e01f' })),
    width: Type.Optional(Type.Integer()),
    height: Type.Optional(Type.Integer()),
    b_frames: Type.Optional(Type.Boolean()),
    sound: Type.Optional(Type.String({ description: 'codec of its sound' })),
    reason: Type.Optional(Type.String({ description: 'what does not work and why, or what is special about it' })),
  },
  { title: 'LiveTest' },
);
export type LiveTest = Static<typeof LiveTest>;

/** What came of trying a camera's address once. Words never hold its password. */
export const CameraTest = Type.Union(
  [
    Type.Object({
      ok: Type.Literal(true),
      driver: Type.String({ description: 'what answered, as rtsp' }),
      width: Type.Integer({ description: 'pixels of the still' }),
      height: Type.Integer(),
      took_ms: Type.Number({ description: 'until the still was there' }),
      live: LiveTest,
    }),
    Type.Object({
      ok: Type.Literal(false),
      code: Type.String(),
      reason: Type.String(),
      driver: Type.Optional(Type.String()),
    }),
  ],
  { title: 'CameraTest' },
);
export type CameraTest = Static<typeof CameraTest>;

export const Resolution = Type.Object(
  { width: Type.Integer({ minimum: 1, maximum: 16384 }), height: Type.Integer({ minimum: 1, maximum: 16384 }) },
  { title: 'Resolution' },
);
export type Resolution = Static<typeof Resolution>;

export const SettingRange = Type.Object({ min: Type.Number(), max: Type.Number() }, { title: 'SettingRange' });
export type SettingRange = Static<typeof SettingRange>;

const EXPOSURE = { description: 'ms; null: the camera finds it by itself' };
const GAIN = { description: '1 is none (USB cameras: units of their own); null: the camera finds it by itself' };

/** What is changed of a camera's settings; what is not named stays as it is. */
export const CameraSettingsChange = Type.Object(
  {
    exposure: Type.Optional(Type.Union([Type.Number(), Type.Null()], EXPOSURE)),
    gain: Type.Optional(Type.Union([Type.Number(), Type.Null()], GAIN)),
    resolution: Type.Optional(Resolution),
    fps: Type.Optional(Type.Number({ description: 'pictures a second of the live stream' })),
  },
  { title: 'CameraSettingsChange' },
);
export type CameraSettingsChange = Static<typeof CameraSettingsChange>;

/** How a camera captures, and what of that can be changed: what has no range is the camera's own affair. */
export const CameraSettings = Type.Object(
  {
    ...CameraSettingsChange.properties,
    ranges: Type.Object({
      exposure: Type.Optional(SettingRange),
      gain: Type.Optional(SettingRange),
      fps: Type.Optional(SettingRange),
    }),
    available_resolutions: Type.Array(Resolution, { description: 'empty: it cannot be chosen' }),
  },
  { title: 'CameraSettings' },
);
export type CameraSettings = Static<typeof CameraSettings>;
