import { type Static, Type } from 'typebox';
import { DeviceFlow } from './deployments.ts';
import { DeviceAlert } from './device-alerts.ts';
import { DeviceConfig, DeviceConfigPatch } from './device-config.ts';
import { ID_PATTERN } from './ids.ts';
import { anything, nullable, time } from './schema.ts';
import { ROLES } from './users.ts';

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
export const ErrorBody = Type.Object(
  {
    statusCode: Type.Integer(),
    error: Type.String(),
    message: Type.String(),
    code: Type.String({ description: 'what the runbook explains' }),
    field: Type.Optional(Type.String({ description: 'what of the request is wrong' })),
    image: Type.Optional(Type.Unknown({ description: 'with image.unsaved only: what is known of the picture' })),
    reason: Type.Optional(Type.String({ description: 'why, where the message is one that clients know by heart' })),
  },
  { title: 'ErrorBody' },
);
export type ErrorBody = Static<typeof ErrorBody>;

const userFields = {
  id: Type.Integer(),
  name: Type.String(),
  email: nullable(Type.String()),
  role: Type.Enum(ROLES),
  cameras: nullable(Type.Array(Type.String()), { description: 'ids of the cameras they may see; null: all' }),
  may_edit_flows: Type.Boolean(),
  must_change_password: Type.Boolean(),
};

/** A user as they see themselves. */
export const UserRecord = Type.Object(userFields, { title: 'UserRecord' });
export type UserRecord = Static<typeof UserRecord>;

/** A user as an administrator sees them; `password` is there once, when it was made up. */
export const UserAccount = Type.Object(
  {
    ...userFields,
    long_token: Type.Boolean(),
    disabled: Type.Boolean(),
    app_passwords: Type.Integer({ description: 'how many they have' }),
    password: Type.Optional(Type.String({ description: 'shown once, when it was made up' })),
  },
  { title: 'UserAccount' },
);
export type UserAccount = Static<typeof UserAccount>;

/** With the fields that the backend of seed 002 has beside ours (S2.11). */
export const LoginUser = Type.Object(
  {
    ...userFields,
    username: Type.String({ description: 'the same as name' }),
    fullName: Type.Null(),
    labRole: Type.Null(),
    preferences: Type.Object({}),
  },
  { title: 'LoginUser' },
);

export const LoginAnswer = Type.Object(
  {
    access_token: Type.String({ examples: ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…'] }),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'seconds', examples: [900] }),
    refresh_token: Type.String({ description: 'good for one use' }),
    user: LoginUser,
  },
  { title: 'LoginAnswer' },
);
export type LoginAnswer = Static<typeof LoginAnswer>;

const deviceFields = {
  id: Type.String(),
  name: Type.String(),
  state: Type.Enum(['online', 'offline', 'degraded', 'updating']),
  mode: Type.Enum(['baseline', 'burst']),
  burst_until: nullable(time()),
  last_seq: Type.Integer({ description: 'highest number ever accepted; -1: none' }),
  last_seen: nullable(time()),
  last_frame: nullable(time()),
  last_config_fetch: nullable(time()),
  config_version: Type.Integer(),
  cameras: Type.Array(Type.String()),
  rssi: nullable(Type.Number()),
  battery_mv: nullable(Type.Number()),
  fw_version: nullable(Type.String()),
  health: anything(),
  alerts: Type.Array(DeviceAlert, { description: 'what of its health needs a person; none while it is offline' }),
  info: anything(),
  groups: Type.Array(Type.String(), { description: 'names under which deployments reach it together with others' }),
  flow: DeviceFlow,
  disabled: Type.Boolean(),
  created_at: time(),
};

export const DeviceRecord = Type.Object(deviceFields, { title: 'DeviceRecord' });
export type DeviceRecord = Static<typeof DeviceRecord>;

/** A device just registered or given a new key: the only time the key is shown. */
export const DeviceWithKey = Type.Object(
  {
    ...deviceFields,
    api_key: Type.String({ examples: ['rdk_1f2e3d4c_…'] }),
    signing_secret: Type.Optional(Type.String({ description: '32 bytes in hex, for signed requests; shown once' })),
  },
  { title: 'DeviceWithKey' },
);
export type DeviceWithKey = Static<typeof DeviceWithKey>;

const signed = () =>
  Type.Optional(Type.Boolean({ description: 'also a secret with which a small device signs its requests' }));

export const DeviceCreate = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'default: made from the name' })),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    signed: signed(),
  },
  { title: 'DeviceCreate', additionalProperties: false },
);
export type DeviceCreate = Static<typeof DeviceCreate>;

export const DevicePatch = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    groups: Type.Optional(Type.Array(Type.String({ pattern: ID_PATTERN }), { maxItems: 50, uniqueItems: true })),
    disabled: Type.Optional(Type.Boolean()),
  },
  { title: 'DevicePatch', additionalProperties: false, minProperties: 1 },
);
export type DevicePatch = Static<typeof DevicePatch>;

/** `POST /api/v1/devices/{id}/rotate-key`. */
export const DeviceRotate = Type.Object(
  {
    end_old: Type.Optional(
      Type.Boolean({ description: 'the old key ends now, as when it was stolen; default: in a day' }),
    ),
    signed: signed(),
  },
  { title: 'DeviceRotate', additionalProperties: false },
);
export type DeviceRotate = Static<typeof DeviceRotate>;

export const DeviceConfigPut = DeviceConfigPatch;

/** A device's configuration in force. */
export const ConfigAnswer = Type.Object({ version: Type.Integer(), config: DeviceConfig }, { title: 'ConfigAnswer' });
export type ConfigAnswer = Static<typeof ConfigAnswer>;

const cameraFields = {
  id: Type.String(),
  name: Type.String(),
  description: nullable(Type.String()),
  device: Type.String(),
  driver: Type.String({ description: 'kind of driver, as rtsp or sim; the address itself is write-only' }),
  state: Type.String(),
  last_frame: nullable(time()),
  created_at: time(),
  updated_at: time(),
  has_key: Type.Boolean({ description: 'Redeye sends it a key, which is never shown again' }),
  headers: Type.Array(Type.String(), { description: 'names of further headers that it is sent' }),
};

export const CameraRecord = Type.Object(cameraFields, { title: 'CameraRecord' });
export type CameraRecord = Static<typeof CameraRecord>;

/** A camera whose key was just made up: the only time it is shown. */
export const CameraWithKey = Type.Object(
  { ...cameraFields, key: Type.String({ examples: ['CAM_…'] }) },
  { title: 'CameraWithKey' },
);
export type CameraWithKey = Static<typeof CameraWithKey>;

/** What Redeye sends to a camera beside its request (seed 000, S0.25); write-only. */
const access = {
  key: Type.Optional(
    nullable(Type.String({ minLength: 1, maxLength: 500, pattern: '^[\\x21-\\x7e]+$', examples: ['CAM_a1b2c3'] }), {
      description: 'sent as X-API-Key; null: none',
    }),
  ),
  headers: Type.Optional(
    Type.Array(
      Type.Object(
        {
          key: Type.String({ pattern: '^[A-Za-z][A-Za-z0-9.-]{0,99}$', examples: ['X-Site'] }),
          value: Type.String({ minLength: 1, maxLength: 500, pattern: '^[\\x20-\\x7e]+$', examples: ['greenhouse'] }),
        },
        { additionalProperties: false },
      ),
      { maxItems: 35, description: 'all of them; at most 3500 bytes; X-API-Key is the key' },
    ),
  ),
};

export const CameraCreate = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: ID_PATTERN })),
    name: Type.String({ minLength: 1, maxLength: 100 }),
    description: Type.Optional(nullable(Type.String({ maxLength: 500 }))),
    device: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'default: server' })),
    url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000, examples: ['rtsp://192.168.1.20/stream1'] })),
    ...access,
  },
  { title: 'CameraCreate', additionalProperties: false },
);
export type CameraCreate = Static<typeof CameraCreate>;

export const CameraPatch = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    description: Type.Optional(nullable(Type.String({ maxLength: 500 }))),
    url: Type.Optional(Type.String({ minLength: 1, maxLength: 2000, examples: ['rtsp://192.168.1.20/stream1'] })),
    ...access,
  },
  { title: 'CameraPatch', additionalProperties: false, minProperties: 1 },
);
export type CameraPatch = Static<typeof CameraPatch>;

export const CameraTestBody = Type.Object(
  { url: Type.String({ minLength: 1, maxLength: 2000, examples: ['rtsp://192.168.1.20/stream1'] }) },
  { title: 'CameraTestBody', additionalProperties: false },
);
export type CameraTestBody = Static<typeof CameraTestBody>;

export const CaptureRecord = Type.Object(
  {
    id: Type.String(),
    device: Type.String(),
    camera: Type.String(),
    seq: Type.Integer(),
    captured_at: time(),
    received_at: time(),
    width: Type.Integer(),
    height: Type.Integer(),
    jpeg_quality: Type.Integer(),
    size: Type.Integer({ description: 'bytes' }),
    image: Type.String({ description: 'where its picture is' }),
    meta: anything(),
  },
  { title: 'CaptureRecord' },
);
export type CaptureRecord = Static<typeof CaptureRecord>;
