import { type Static, Type } from 'typebox';
import { anything, nullable, time } from './schema.ts';

export const EVENT_TYPES = [
  'interaction_detected',
  'stock_changed',
  'camera_obstructed',
  'scene_shifted',
  'camera_issue',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const IMAGE_ROLES = ['pre', 'during', 'post', 'thumb'] as const;
export type ImageRole = (typeof IMAGE_ROLES)[number];

/** An event as HTTP, MQTT and the event stream carry it. Times are RFC 3339 UTC with milliseconds. */
export const EventRecord = Type.Object(
  {
    id: Type.String(),
    type: Type.Enum(EVENT_TYPES),
    state: Type.Enum(['open', 'closed']),
    device: Type.String(),
    camera: Type.String(),
    rois: Type.Array(Type.String()),
    started_at: time(),
    ended_at: nullable(time()),
    stock_changed: nullable(Type.Boolean()),
    score: Type.Number(),
    images: Type.Partial(
      Type.Object({ pre: Type.String(), during: Type.String(), post: Type.String(), thumb: Type.String() }),
      { description: "path below the server's own address, for each role that is there" },
    ),
    details: anything(),
    parent: nullable(Type.String()),
    reviewed: Type.Boolean(),
    verdict: nullable(Type.Boolean()),
    note: nullable(Type.String()),
    keep: Type.Boolean(),
  },
  { title: 'EventRecord' },
);
export type EventRecord = Static<typeof EventRecord>;

/** An event on its way out, from the outbox: `n` rises, and is the same at every repetition of one message. */
export interface EventMessage {
  v: 1;
  /** epoch ms at which it was written */
  ts: number;
  n: number;
  phase: 'start' | 'end';
  event: EventRecord;
}

/** `PATCH /api/v1/events/{id}`. */
export const EventPatch = Type.Object(
  {
    note: Type.Optional(Type.Union([Type.String({ maxLength: 4000 }), Type.Null()])),
    reviewed: Type.Optional(Type.Boolean()),
    verdict: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
    keep: Type.Optional(Type.Boolean()),
  },
  { title: 'EventPatch', additionalProperties: false, minProperties: 1 },
);
export type EventPatch = Static<typeof EventPatch>;
