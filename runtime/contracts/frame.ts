import { type Static, Type } from 'typebox';
import { ID_PATTERN } from './ids.ts';

/** Upper limits of one frame: bytes of the request body, and pixels as the JPEG header claims them. */
export const MAX_FRAME_BODY_BYTES = 16 * 1024 * 1024;
export const MAX_FRAME_PIXELS = 50_000_000;

/** `meta` of `POST /api/v1/ingest/frame` (seed 004, S4.4, S4.32). Unknown fields are ignored. */
export const FrameMeta = Type.Object({
  device_id: Type.String({ pattern: ID_PATTERN, description: 'id of the device; case is folded' }),
  capture_ts: Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Number({ minimum: 0 })], {
    description: 'RFC 3339 with zone, or epoch seconds; numbers of 1e11 and more are milliseconds',
  }),
  seq: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'rises per device' }),
  width: Type.Integer({ minimum: 1, maximum: 65_535 }),
  height: Type.Integer({ minimum: 1, maximum: 65_535 }),
  jpeg_quality: Type.Integer({ minimum: 1, maximum: 100 }),
  camera: Type.Optional(Type.String({ pattern: ID_PATTERN, description: "default: the device's first camera" })),
  rssi: Type.Optional(Type.Number({ minimum: -200, maximum: 100, description: 'dBm' })),
  battery_mv: Type.Optional(Type.Number({ minimum: 0, maximum: 100_000 })),
  fw_version: Type.Optional(Type.String({ maxLength: 100 })),
  notes: Type.Optional(Type.String({ maxLength: 1000 })),
});
export type FrameMeta = Static<typeof FrameMeta>;

/** Answers of the ingest route, by case (CONTRACTS §4). */
export interface FrameStored {
  ok: true;
  frame_id: string;
  received_ts: string;
  duplicate: boolean;
}
export interface FrameRefused {
  ok: false;
  error: string;
  code: string;
  field?: string;
  frame_id?: string;
  last_seq?: number;
}

/** What is known of a still besides its bytes; rides along on wires as `msg.frame`. */
export interface FrameInfo {
  /** id of the stored frame; none before it is stored */
  id?: string;
  device: string;
  camera: string;
  /** none before the spool has numbered it */
  seq?: number;
  /** epoch ms */
  capturedAt: number;
  /** epoch ms; set by the server */
  receivedAt?: number;
  width: number;
  height: number;
  jpegQuality: number;
}

/** What a camera may say of a picture besides: groups and names of seed 000's `ImageMetadata` (§2.0). Size and time are read otherwise. */
export const CAMERA_WORDS = {
  camera_properties: ['camera_model', 'unit_cell_size', 'pixel_array_size', 'sensor_sensitivity'],
  capture_metadata: [
    'exposure_time',
    'frame_duration',
    'color_temperature',
    'analogue_gain',
    'digital_gain',
    'lux',
    'sensor_temperature',
  ],
} as const;

/** What it said of them. */
export type CameraWords = Record<string, Record<string, string | number | number[]>>;

/** A picture as a camera gave it. */
export interface Still {
  jpeg: Buffer;
  camera: string;
  /** epoch ms */
  capturedAt: number;
  width: number;
  height: number;
  jpegQuality: number;
  /** ms, and a factor: with what it was taken, where the camera says so with the picture */
  exposure?: number | undefined;
  gain?: number | undefined;
  told?: CameraWords | undefined;
}
