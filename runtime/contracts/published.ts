import { type Static, type TSchema, Type } from 'typebox';
import { ID_PATTERN } from './ids.ts';
import { PUSH_SOUNDS } from './pushes.ts';
import { ROOM_PATTERN, RoomWish } from './rooms.ts';
import { nullable, time } from './schema.ts';

/** How a camera is brought to others. */
export const STREAM_TYPES = ['hls', 'rtmp', 'whip', 'youtube', 'livekit'] as const;
export type StreamType = (typeof STREAM_TYPES)[number];

/** Who pushes a camera of a device. */
export const PUSH_PLACES = ['device', 'server'] as const;

export const PRIVACIES = ['private', 'unlisted', 'public'] as const;
export const LATENCIES = ['normal', 'low', 'ultraLow'] as const;

/** What a YouTube broadcast is to be; what is not given has the default of the API named here. */
export const BroadcastWish = Type.Object({
  title: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: "default: the camera's id and the time" }),
  ),
  description: Type.Optional(Type.String({ maxLength: 5000 })),
  privacy: Type.Optional(Type.Enum([...PRIVACIES], { description: 'default private' })),
  made_for_kids: Type.Optional(Type.Boolean({ description: 'default false' })),
  latency: Type.Optional(Type.Enum([...LATENCIES], { description: 'default low' })),
  dvr: Type.Optional(Type.Boolean({ description: 'viewers may go back; default true' })),
  scheduled_at: Type.Optional(time()),
  product_id: Type.Optional(Type.Integer({ minimum: 1, description: 'the product that the video belongs to' })),
  pushed_by: Type.Optional(
    Type.Enum([...PUSH_PLACES], {
      description: 'rtmp, youtube: default the device that has the camera; server: its picture comes here first',
    }),
  ),
});
export type BroadcastWish = Static<typeof BroadcastWish>;

/** `POST /api/v1/cameras/{id}/streams`. Address and key go in and never come out. */
export const StreamCreate = Type.Object(
  {
    type: Type.Enum([...STREAM_TYPES]),
    name: Type.Optional(
      Type.String({ pattern: ID_PATTERN, description: 'its id from now on; made up when there is none' }),
    ),
    started: Type.Optional(Type.Boolean({ default: true, description: 'begin at once' })),
    url: Type.Optional(
      Type.String({ maxLength: 2000, description: 'rtmp: rtmp:// or rtmps:// address; whip: https:// or http://' }),
    ),
    key: Type.Optional(
      Type.String({
        maxLength: 900,
        description: 'rtmp: key, when it is not the last part of the address; whip: Bearer token',
      }),
    ),
    insecure: Type.Optional(Type.Boolean({ description: 'rtmp and whip: take a certificate that nobody vouches for' })),
    ...RoomWish.properties,
    ...BroadcastWish.properties,
  },
  { title: 'StreamCreate', additionalProperties: false },
);
export type StreamCreate = Static<typeof StreamCreate>;

const wish = BroadcastWish.properties;

/** What of a stream is chosen and no secret: sound and `insecure` of a push, room and way of LiveKit, the broadcast's own of YouTube. */
export const StreamSettings = Type.Object(
  {
    insecure: Type.Optional(Type.Boolean()),
    ...RoomWish.properties,
    title: wish.title,
    description: wish.description,
    privacy: wish.privacy,
    made_for_kids: wish.made_for_kids,
    latency: wish.latency,
    dvr: wish.dvr,
    scheduled_at: wish.scheduled_at,
    product_id: wish.product_id,
  },
  { title: 'StreamSettings' },
);
export type StreamSettings = Static<typeof StreamSettings>;

/** A field that can be taken back. */
function cleared<S extends TSchema>(schema: S) {
  return Type.Optional(nullable(schema, { description: 'null: as if it had never been given' }));
}

/** `PATCH /api/v1/streams/{id}`: what is left out stays, address and key too. */
export const StreamPatch = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: ID_PATTERN,
        description: 'its id from now on; youtube and livekit take another one only while they are off',
      }),
    ),
    url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2000,
        description: 'rtmp, whip: another address; a key that was given apart goes on to the same host only',
      }),
    ),
    key: Type.Optional(nullable(Type.String({ maxLength: 900 }), { description: 'rtmp, whip; null: none' })),
    insecure: Type.Optional(Type.Boolean({ description: 'rtmp, whip' })),
    room: cleared(Type.String({ pattern: ROOM_PATTERN })),
    via: RoomWish.properties.via,
    sound: Type.Optional(Type.Enum([...PUSH_SOUNDS], { description: 'rtmp, whip, livekit' })),
    title: cleared(Type.String({ minLength: 1, maxLength: 100 })),
    description: cleared(Type.String({ maxLength: 5000 })),
    privacy: wish.privacy,
    made_for_kids: wish.made_for_kids,
    latency: wish.latency,
    dvr: wish.dvr,
    scheduled_at: cleared(time()),
    product_id: cleared(Type.Integer({ minimum: 1 })),
  },
  { title: 'StreamPatch', additionalProperties: false, minProperties: 1 },
);
export type StreamPatch = Static<typeof StreamPatch>;

export const StreamRecord = Type.Object(
  {
    id: Type.String({ examples: ['gate-rtmp'] }),
    type: Type.Enum([...STREAM_TYPES]),
    camera: Type.String(),
    state: Type.Enum(['idle', 'connecting', 'live', 'stalled', 'waiting', 'failed']),
    reason: nullable(Type.String(), { description: 'why it is not live, or what is special' }),
    wanted: Type.Boolean({ description: 'it comes back by itself, also after a restart' }),
    url: nullable(Type.String(), { description: 'where it goes, without the key, or where it is watched' }),
    made_by: Type.String({ examples: ['flow', 'user:anna'] }),
    created_at: nullable(time(), { description: 'null: a flow has declared it, and it was never switched by hand' }),
    settings: StreamSettings,
    since: nullable(time(), { description: 'when the state began' }),
    retry_at: nullable(time()),
    bytes: Type.Integer(),
    bits_per_second: Type.Integer(),
    uptime_s: Type.Number(),
    restarts: Type.Integer(),
    discarded: Type.Integer({ description: 'pictures left out because the other side is slower' }),
    viewers: nullable(Type.Integer()),
    pushed_by: nullable(Type.Enum([...PUSH_PLACES]), {
      description: 'who sends it; null while nothing is sent anywhere (hls, a broadcast that has not begun)',
    }),
  },
  { title: 'StreamRecord' },
);
export type StreamRecord = Static<typeof StreamRecord>;

export const StreamList = Type.Object(
  { items: Type.Array(StreamRecord), next: nullable(Type.String(), { description: 'null at the end' }) },
  { title: 'StreamList' },
);
export type StreamList = Static<typeof StreamList>;

/** `GET /api/v1/youtube`: how it stands with the Google account. */
export const YoutubeStatus = Type.Object(
  {
    state: Type.Enum(['not_set_up', 'not_connected', 'connected', 'revoked']),
    account: nullable(Type.String()),
    reason: nullable(Type.String()),
    units_today: Type.Integer({ description: 'of the quota of the YouTube API, as far as this process used them' }),
    units_limit: Type.Integer(),
  },
  { title: 'YoutubeStatus' },
);
export type YoutubeStatus = Static<typeof YoutubeStatus>;

/** The Google account that broadcasts are made with. */
export interface YoutubeService {
  status(): Promise<YoutubeStatus>;
  /** Where the browser is sent to, for this person; throws `stream.not_set_up`. */
  begin(by: string): Promise<string>;
  /** The browser came back; throws `auth.invalid`. */
  finish(state: string, code: string, by: string): Promise<void>;
  disconnect(): Promise<void>;
  /** the console's page on streams */
  page: string;
}
