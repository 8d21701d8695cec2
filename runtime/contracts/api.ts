import { type Static, Type } from 'typebox';
import { DeviceConfigPatch } from './device-config.ts';
import { ID_PATTERN } from './ids.ts';
import type { Role } from './users.ts';

/** Every list of our own API: newest first; `next` goes into `?cursor=`, null at the end. */
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** What a list may be asked for. `cameras` limits it to what the user may see (null: all). Ranges are `[from, to)`, epoch ms. */
export interface ListQuery {
  limit: number;
  cursor?: string;
  cameras: string[] | null;
  device?: string;
  camera?: string;
  from?: number;
  to?: number;
}

/** The error envelope of our own routes. */
export interface ErrorBody {
  statusCode: number;
  error: string;
  message: string;
  code: string;
  field?: string;
}

export interface UserRecord {
  id: number;
  name: string;
  email: string | null;
  role: Role;
  cameras: string[] | null;
  may_edit_flows: boolean;
  must_change_password: boolean;
}

export interface LoginAnswer {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  refresh_token: string;
  user: UserRecord;
}

export interface DeviceRecord {
  id: string;
  name: string;
  state: 'online' | 'offline' | 'degraded' | 'updating';
  mode: 'baseline' | 'burst';
  burst_until: string | null;
  last_seq: number;
  last_seen: string | null;
  last_frame: string | null;
  last_config_fetch: string | null;
  config_version: number;
  cameras: string[];
  rssi: number | null;
  battery_mv: number | null;
  fw_version: string | null;
  health: Record<string, unknown>;
  info: Record<string, unknown>;
  disabled: boolean;
  created_at: string;
}

/** A device just registered or given a new key: the only time the key is shown. */
export interface DeviceWithKey extends DeviceRecord {
  api_key: string;
}

export const DeviceCreate = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'default: made from the name' })),
    name: Type.String({ minLength: 1, maxLength: 100 }),
  },
  { additionalProperties: false },
);
export type DeviceCreate = Static<typeof DeviceCreate>;

export const DevicePatch = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    disabled: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type DevicePatch = Static<typeof DevicePatch>;

export const DeviceConfigPut = DeviceConfigPatch;

export interface CameraRecord {
  id: string;
  name: string;
  device: string;
  /** kind of driver (`rtsp`, `sim`, …); the URL itself is write-only */
  driver: string;
  state: string;
  last_frame: string | null;
  created_at: string;
}

export const CameraCreate = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: ID_PATTERN })),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    device: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'default: server' })),
    url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
  },
  { additionalProperties: false },
);
export type CameraCreate = Static<typeof CameraCreate>;

export const CameraPatch = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000 })),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type CameraPatch = Static<typeof CameraPatch>;

export const CameraTestBody = Type.Object(
  { url: Type.String({ minLength: 1, maxLength: 2000 }) },
  { additionalProperties: false },
);
export type CameraTestBody = Static<typeof CameraTestBody>;

export interface CaptureRecord {
  id: string;
  device: string;
  camera: string;
  seq: number;
  captured_at: string;
  received_at: string;
  width: number;
  height: number;
  jpeg_quality: number;
  size: number;
  image: string;
  meta: Record<string, unknown>;
}
