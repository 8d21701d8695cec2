import { type Static, Type } from 'typebox';
import { THERMAL_BANDS } from './thermal.ts';

/** Every MQTT body carries its version and when it was made (integer ms UTC). Unknown fields are ignored. */
const envelope = { v: Type.Literal(1), ts: Type.Integer({ minimum: 0 }) };

export const DeviceStateMessage = Type.Object({
  ...envelope,
  state: Type.Enum(['online', 'offline', 'degraded', 'updating']),
  /** rises with each start of the agent: tells the will of an old connection from the state of the new one */
  session: Type.Integer({ minimum: 0 }),
});
export type DeviceStateMessage = Static<typeof DeviceStateMessage>;

export const DeviceInfoMessage = Type.Object({
  ...envelope,
  version: Type.String({ maxLength: 100 }),
  node: Type.String({ maxLength: 100 }),
  platform: Type.String({ maxLength: 100 }),
  node_types: Type.Array(Type.String({ maxLength: 100 }), { maxItems: 500 }),
  cameras: Type.Array(Type.Object({ id: Type.String(), driver: Type.String(), state: Type.String() }), {
    maxItems: 64,
  }),
  /** X25519, base64url: credentials for the device's flows are sealed with it */
  sealing_key: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' })),
});
export type DeviceInfoMessage = Static<typeof DeviceInfoMessage>;

/** What a device says of its health; by MQTT every 30 s and in `POST /api/v1/ingest/heartbeat`. */
export const DeviceHealth = Type.Object({
  uptime_s: Type.Optional(Type.Number()),
  rss_mb: Type.Optional(Type.Number()),
  load1: Type.Optional(Type.Number()),
  cpu_percent: Type.Optional(Type.Number({ description: 'work of all processors since the last heartbeat' })),
  temperature_c: Type.Optional(Type.Number()),
  thermal: Type.Optional(Type.Enum([...THERMAL_BANDS])),
  throttled: Type.Optional(Type.Boolean({ description: 'slowed down now, for heat or power (Raspberry Pi)' })),
  under_voltage: Type.Optional(Type.Boolean({ description: 'the power supply is too weak now (Raspberry Pi)' })),
  throttled_flags: Type.Optional(Type.Integer({ description: 'bits of vcgencmd get_throttled; 16–19: since boot' })),
  stream_limited: Type.Optional(Type.Boolean({ description: 'live streams are coarse until it has cooled down' })),
  disk_free_mb: Type.Optional(Type.Number()),
  disk_total_mb: Type.Optional(Type.Number()),
  memory_available_mb: Type.Optional(Type.Number()),
  memory_total_mb: Type.Optional(Type.Number()),
  boot: Type.Optional(Type.String({ maxLength: 40, description: 'another one after each boot of the machine' })),
  flow_starts: Type.Optional(Type.Integer({ description: 'of the flow process since the agent started' })),
  clock_skew_s: Type.Optional(Type.Number({ description: "the server's time less the device's, s" })),
  spool_frames: Type.Optional(Type.Integer()),
  spool_bytes: Type.Optional(Type.Integer()),
  dropped_frames: Type.Optional(Type.Integer()),
  rejected_frames: Type.Optional(Type.Integer()),
  captures_waiting: Type.Optional(Type.Integer({ description: 'captures of the device itself, not brought yet' })),
  captures_dead: Type.Optional(
    Type.Integer({ description: 'of these given up: an operator can have them tried again' }),
  ),
  captures_dropped: Type.Optional(Type.Integer({ description: 'of these deleted to make room, since the start' })),
  clock_ok: Type.Optional(Type.Boolean()),
  last_seq: Type.Optional(Type.Integer()),
  mode: Type.Optional(Type.String({ maxLength: 20 })),
  flows: Type.Optional(Type.String({ maxLength: 40 })),
});
export type DeviceHealth = Static<typeof DeviceHealth>;

export const HeartbeatMessage = Type.Object({
  ...envelope,
  rssi: Type.Optional(Type.Number()),
  battery_mv: Type.Optional(Type.Number()),
  fw_version: Type.Optional(Type.String({ maxLength: 100 })),
  health: Type.Optional(DeviceHealth),
});
export type HeartbeatMessage = Static<typeof HeartbeatMessage>;

/** `POST /api/v1/ingest/heartbeat`. */
export const HeartbeatBody = Type.Object({
  device_id: Type.String(),
  rssi: Type.Optional(Type.Number({ minimum: -200, maximum: 100 })),
  battery_mv: Type.Optional(Type.Number({ minimum: 0, maximum: 100_000 })),
  fw_version: Type.Optional(Type.String({ maxLength: 100 })),
  health: Type.Optional(DeviceHealth),
});
export type HeartbeatBody = Static<typeof HeartbeatBody>;

/** `cfg/desired`: a new version is there; the device fetches it by HTTP, which is the authority. */
export interface ConfigDesiredMessage {
  v: 1;
  ts: number;
  version: number;
}

/** `c/<camera>/motion`, retained. */
export interface CameraMotionMessage {
  v: 1;
  ts: number;
  motion: boolean;
}
