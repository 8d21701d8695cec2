import { type Static, Type } from 'typebox';

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
export interface EventRecord {
  id: string;
  type: EventType;
  state: 'open' | 'closed';
  device: string;
  camera: string;
  rois: string[];
  started_at: string;
  ended_at: string | null;
  stock_changed: boolean | null;
  score: number;
  /** path below the server's own address, per role that is there */
  images: Partial<Record<ImageRole, string>>;
  details: Record<string, unknown>;
  parent: string | null;
  reviewed: boolean;
  verdict: boolean | null;
  note: string | null;
  keep: boolean;
}

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
  { additionalProperties: false, minProperties: 1 },
);
export type EventPatch = Static<typeof EventPatch>;
