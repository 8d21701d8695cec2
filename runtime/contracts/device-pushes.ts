import { type Static, Type } from 'typebox';
import { PUSH_SOUNDS } from './pushes.ts';

/** Where a device says how its pushes are and hears which ones it is to run; below the server's address. */
export const DEVICE_PUSHES_PATH = 'api/v1/device/pushes';

/** Name of the command by which the server has a device ask there at once. It carries nothing. */
export const PUSHES_COMMAND = 'pushes';

/** A device runs what the server orders under its server's name with this in front: no flow can have such a name. */
export const ORDERED = 'server.';

const count = () => Type.Integer({ minimum: 0 });

/** How a push is, as the device that runs it says. Times are epoch ms of the device. */
export const ReportedPush = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  state: Type.Enum(['idle', 'connecting', 'live', 'stalled', 'waiting', 'failed']),
  reason: Type.Optional(Type.String({ maxLength: 500 })),
  since: count(),
  retryAt: Type.Optional(count()),
  bytes: count(),
  bitsPerSecond: Type.Number({ minimum: 0 }),
  uptimeMs: count(),
  restarts: count(),
  discarded: count(),
});
export type ReportedPush = Static<typeof ReportedPush>;

/** Body of a device's question. */
export const DevicePushReport = Type.Object({
  v: Type.Literal(1),
  /** the device's time now: what `since` and `retryAt` are told by */
  ts: count(),
  /** of the orders that it has, as they came; none yet: everything is answered */
  revision: Type.Optional(Type.String({ maxLength: 100 })),
  /** X25519, base64url: what the destinations in the answer are sealed for */
  sealing_key: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  pushes: Type.Array(ReportedPush, { maxItems: 64 }),
});
export type DevicePushReport = Static<typeof DevicePushReport>;

/** The answer. Without `pushes` nothing has changed since that revision; else they are all that are to be known. */
export const DevicePushOrders = Type.Object({
  v: Type.Literal(1),
  revision: Type.String({ maxLength: 100 }),
  pushes: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String({ minLength: 1, maxLength: 100 }),
        wanted: Type.Boolean(),
        /** a SealedPush for the device's key */
        sealed: Type.String({ maxLength: 8192 }),
      }),
      { maxItems: 64 },
    ),
  ),
});
export type DevicePushOrders = Static<typeof DevicePushOrders>;

/** What is sealed: where a push goes. `device` and `name` tell a box from another one's. */
export const SealedPush = Type.Object({
  device: Type.String(),
  name: Type.String(),
  camera: Type.String(),
  url: Type.String({ maxLength: 2000 }),
  key: Type.Optional(Type.String({ maxLength: 900 })),
  sound: Type.Optional(Type.Enum([...PUSH_SOUNDS])),
  insecure: Type.Optional(Type.Boolean()),
});
export type SealedPush = Static<typeof SealedPush>;

/** The server's side of it. */
export interface DevicePushDesk {
  /** Takes a device's report, and answers what it is to run. */
  exchange(device: string, report: DevicePushReport): Promise<DevicePushOrders>;
}
