import type { BroadcastWish, StreamCreate, StreamPatch, StreamRecord, StreamType } from '../../contracts/published.ts';
import type { PushSound } from '../../contracts/pushes.ts';

export interface BroadcastDraft {
  title: string;
  description: string;
  privacy: NonNullable<BroadcastWish['privacy']>;
  latency: NonNullable<BroadcastWish['latency']>;
  /** as a `datetime-local` field holds it, in the browser's zone; empty: now */
  schedule: string;
  product: string;
  dvr: boolean;
  kids: boolean;
}

/** A stream as it stands in the form. */
export interface StreamDraft {
  type: StreamType;
  camera: string;
  name: string;
  started: boolean;
  url: string;
  key: string;
  sound: PushSound;
  insecure: boolean;
  room: string;
  broadcast: BroadcastDraft;
}

/** The form as it is opened, for a camera. */
export function emptyDraft(camera: string): StreamDraft {
  return {
    type: 'rtmp',
    camera,
    name: '',
    started: true,
    url: '',
    key: '',
    sound: 'auto',
    insecure: false,
    room: '',
    broadcast: {
      title: '',
      description: '',
      privacy: 'private',
      latency: 'low',
      schedule: '',
      product: '',
      dvr: true,
      kids: false,
    },
  };
}

/** The form as it is opened to change a stream. Address and key are not told: empty, they stay. */
export function draftOf({
  id,
  type,
  camera,
  settings,
}: Pick<StreamRecord, 'id' | 'type' | 'camera' | 'settings'>): StreamDraft {
  const {
    sound = 'auto',
    insecure = false,
    room = '',
    title = '',
    description = '',
    scheduled_at,
    product_id,
  } = settings;
  const { privacy = 'private', latency = 'low', dvr = true, made_for_kids: kids = false } = settings;
  const schedule = scheduled_at === undefined ? '' : localTime(scheduled_at);
  const product = product_id === undefined ? '' : String(product_id);
  return {
    ...emptyDraft(camera),
    type,
    name: id,
    sound,
    insecure,
    room: room === camera ? '' : room,
    broadcast: { title, description, privacy, latency, schedule, product, dvr, kids },
  };
}

/** What is sent to change a stream: what differs from how the form was opened. Nothing: undefined. */
export function changeOf(draft: StreamDraft, stream: Parameters<typeof draftOf>[0]): StreamPatch | undefined {
  const before = draftOf(stream);
  const name = draft.name.trim();
  const change: StreamPatch = {
    ...(name !== '' && name !== before.name && { name }),
    ...changedFields(draft, before),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

function changedFields(draft: StreamDraft, before: StreamDraft): StreamPatch {
  const { type, url, key, sound, insecure, room } = draft;
  if (type === 'hls') return {};
  if (type === 'livekit') return room.trim() === before.room ? {} : { room: room.trim() || null };
  if (type === 'youtube') return changedBroadcast(draft.broadcast, before.broadcast);
  return {
    ...(url.trim() !== '' && { url: url.trim() }),
    ...(key.trim() !== '' && { key: key.trim() }),
    ...(sound !== before.sound && { sound }),
    ...(insecure !== before.insecure && { insecure }),
  };
}

function changedBroadcast(draft: BroadcastDraft, before: BroadcastDraft): StreamPatch {
  const { title, description, privacy, latency, schedule, product, dvr, kids } = draft;
  return {
    ...(title.trim() !== before.title && { title: title.trim() || null }),
    ...(description.trim() !== before.description && { description: description.trim() || null }),
    ...(privacy !== before.privacy && { privacy }),
    ...(latency !== before.latency && { latency }),
    ...(dvr !== before.dvr && { dvr }),
    ...(kids !== before.kids && { made_for_kids: kids }),
    ...(schedule !== before.schedule && { scheduled_at: schedule === '' ? null : new Date(schedule).toISOString() }),
    ...(product !== before.product && { product_id: product === '' ? null : Number(product) }),
  };
}

/** As a `datetime-local` field holds it, in the browser's zone. */
function localTime(time: string): string {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What is sent of it: only what its type knows, and nothing that was left empty. */
export function wishOf(draft: StreamDraft): StreamCreate {
  const { type, started } = draft;
  const name = draft.name.trim();
  return { type, started, ...(name !== '' && { name }), ...fieldsOf(draft) };
}

function fieldsOf({ type, url, key, sound, insecure, room, broadcast }: StreamDraft): Partial<StreamCreate> {
  if (type === 'hls') return {};
  if (type === 'livekit') return room.trim() === '' ? {} : { room: room.trim() };
  if (type === 'youtube') return wishOfBroadcast(broadcast);
  return {
    url: url.trim(),
    ...(key.trim() !== '' && { key: key.trim() }),
    ...(sound !== 'auto' && { sound }),
    ...(insecure && { insecure }),
  };
}

function wishOfBroadcast(broadcast: BroadcastDraft): BroadcastWish {
  const { title, description, privacy, latency, schedule, product, dvr, kids } = broadcast;
  return {
    privacy,
    latency,
    dvr,
    made_for_kids: kids,
    ...(title.trim() !== '' && { title: title.trim() }),
    ...(description.trim() !== '' && { description: description.trim() }),
    ...(schedule !== '' && { scheduled_at: new Date(schedule).toISOString() }),
    ...(product !== '' && { product_id: Number(product) }),
  };
}
