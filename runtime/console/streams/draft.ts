import type { BroadcastWish, StreamCreate, StreamType } from '../../contracts/published.ts';
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
