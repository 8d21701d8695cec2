import { type Static, Type } from 'typebox';
import type { Release } from './host.ts';
import type { Viewer } from './live.ts';
import type { StreamRecord } from './published.ts';
import { PUSH_SOUNDS, type PushSound } from './pushes.ts';
import { nullable, time } from './schema.ts';

/** By what an ingress of LiveKit is fed: WHIP is handed on as it is, RTMP is always transcoded there. */
export const INGRESS_WAYS = ['whip', 'rtmp'] as const;
export type IngressWay = (typeof INGRESS_WAYS)[number];

export const ROOM_PATTERN = '^[A-Za-z0-9_-]{1,64}$';

/** What of a stream into a room can be chosen. */
export const RoomWish = Type.Object({
  room: Type.Optional(Type.String({ pattern: ROOM_PATTERN, description: 'livekit: default the camera' })),
  via: Type.Optional(Type.Enum([...INGRESS_WAYS], { description: 'livekit: default whip, without transcoding there' })),
  sound: Type.Optional(Type.Enum([...PUSH_SOUNDS], { description: 'default auto' })),
});
export type RoomWish = Static<typeof RoomWish>;

/** A stream into a room as a flow asks for it. */
export interface RoomSpec {
  /** whoever uses the same name means the same stream; API and console know it too */
  name: string;
  /** empty: this host's only or first one */
  camera: string;
  /** empty: the camera's id */
  room: string;
  via: IngressWay;
  sound: PushSound;
}

export interface RoomStatus {
  name: string;
  camera: string;
  room: string;
  via: IngressWay;
  /** `live` only while LiveKit says that it publishes */
  state: StreamRecord['state'];
  /** why it is not live, in words; never with a key */
  reason?: string;
  /** someone wants it on: it is taken up again after a restart of this host */
  wanted: boolean;
  /** of LiveKit; the same over restarts, while nobody deletes it there */
  ingress?: string;
  /** epoch ms at which `state` began */
  since: number;
  /** over about 5 s */
  bitsPerSecond: number;
}

/** Where a camera is in LiveKit. */
export interface RoomPlace {
  room: string;
  /** identity of whoever publishes it there: a room may hold other cameras too */
  participant: string;
}

/** Cameras in rooms of LiveKit, each by an ingress and a push of its own. Server. */
export interface RoomHost {
  /**
   * Makes a stream known under its name, or changes it: one that is on and stays the same is not disturbed. Whether it was on is
   * remembered over restarts; `started` says it only the first time a name comes up. The release leaves it as it is.
   */
  declare(spec: RoomSpec, options?: { started?: boolean }): Release;
  /** Begins it; resolves once LiveKit was asked. Throws `stream.not_found`, `stream.exists`, `stream.not_set_up`. */
  start(name: string): Promise<RoomStatus>;
  /** Ends it; the ingress stays for the next time. Throws `stream.not_found`. */
  stop(name: string): Promise<RoomStatus>;
  /** Ends it, deletes its ingress and forgets it, unless it was made through the API; no error when there is none. */
  forget(name: string): Promise<void>;
  /** Throws `stream.not_found`. */
  status(name: string): RoomStatus;
  /** Calls at each change of state or reason. */
  watch(name: string, onChange: (status: RoomStatus) => void): Release;
}

/** `GET /api/v1/livekit` */
export const LivekitStatus = Type.Object(
  {
    configured: Type.Boolean(),
    url: nullable(Type.String({ description: 'where browsers reach it, as wss://live.example' })),
    reason: nullable(Type.String({ description: 'what is missing' })),
  },
  { title: 'LivekitStatus' },
);
export type LivekitStatus = Static<typeof LivekitStatus>;

/** A token for a room, good for beginning within ten minutes. */
export const LivekitToken = Type.Object(
  {
    url: Type.String({ description: 'where to connect, as wss://live.example' }),
    token: Type.String(),
    room: Type.String(),
    identity: Type.String(),
    expires_at: time(),
  },
  { title: 'LivekitToken' },
);
export type LivekitToken = Static<typeof LivekitToken>;

export const TokenWish = Type.Object(
  { room: Type.String({ pattern: ROOM_PATTERN }), identity: Type.Optional(Type.String({ pattern: ROOM_PATTERN })) },
  { title: 'TokenWish', additionalProperties: false },
);

export const IngressWish = Type.Object(
  {
    room: Type.String({ pattern: ROOM_PATTERN }),
    name: Type.String({ pattern: ROOM_PATTERN }),
    via: Type.Optional(Type.Enum([...INGRESS_WAYS], { default: 'rtmp' })),
  },
  { title: 'IngressWish', additionalProperties: false },
);

/** Where an ingress is fed, with its key. */
export const IngressAccess = Type.Object(
  {
    ingress_id: Type.String(),
    room: Type.String(),
    name: Type.String(),
    via: Type.Enum([...INGRESS_WAYS]),
    url: Type.String(),
    stream_key: Type.String(),
  },
  { title: 'IngressAccess' },
);
export type IngressAccess = Static<typeof IngressAccess>;

/** One thing that was looked at, and what to do when it is not well. */
export const LivekitCheck = Type.Object({
  name: Type.Enum(['settings', 'host', 'key', 'ingress', 'turn']),
  ok: nullable(Type.Boolean({ description: 'null: it could not be looked at' })),
  /** `url_missing`, `unreachable`, `key_refused`, `no_redis`, `turn_closed` and so on */
  code: Type.String(),
  message: Type.String(),
  advice: nullable(Type.String()),
});
export type LivekitCheck = Static<typeof LivekitCheck>;

export const LivekitDiagnosis = Type.Object(
  { ok: Type.Boolean(), checked_at: time(), checks: Type.Array(LivekitCheck) },
  { title: 'LivekitDiagnosis' },
);
export type LivekitDiagnosis = Static<typeof LivekitDiagnosis>;

/** LiveKit as the API gives access to it. */
export interface LivekitService {
  status(): LivekitStatus;
  /**
   * May subscribe to that room, nothing else. Throws `livekit.unavailable` when it is not set up, `session.ended` for a while after
   * this user was sent away there.
   */
  viewerToken(room: string, identity: string, viewer: Viewer): Promise<LivekitToken>;
  /** May publish into that room, as that device. */
  publisherToken(room: string, device: string): Promise<LivekitToken>;
  /** The ingress of that room, name and way: the one that is there, else a new one. Throws as LiveKit refuses. */
  ingress(wish: Static<typeof IngressWish>): Promise<IngressAccess>;
  /** Looks at everything that has to be well, in the order in which it fails. */
  diagnose(): Promise<LivekitDiagnosis>;
  /** Cameras that are brought into that room by streams of this server. */
  camerasIn(room: string): string[];
  /** The room that the camera is live in now; undefined: none. */
  roomOf(camera: string): RoomPlace | undefined;
}
