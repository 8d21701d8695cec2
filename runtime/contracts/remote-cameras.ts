import { type Static, Type } from 'typebox';
import { anything, nullable, time } from './schema.ts';

/** What the machine of a camera says of itself, in the fields that seed 000's clients know; null: it does not say. */
export const CameraTelemetry = Type.Object(
  {
    timestamp: nullable(time()),
    cpu_temp_c: nullable(Type.Number()),
    cpu_percent: nullable(Type.Number()),
    mem_percent: nullable(Type.Number()),
    disk_percent: nullable(Type.Number()),
    preview_fps: nullable(Type.Number()),
    preview_sessions: Type.Integer({ description: 'who watches it live' }),
    thermal_state: Type.Enum(['normal', 'warm', 'throttle', 'critical']),
    current_preview_size: nullable(Type.Array(Type.Integer(), { description: 'width and height' })),
  },
  { title: 'CameraTelemetry' },
);
export type CameraTelemetry = Static<typeof CameraTelemetry>;

/** How a camera is reached past this server, by those in its network. */
export const LocalAccess = Type.Object(
  {
    local_api_key: Type.String({ description: 'goes into the header X-API-Key' }),
    candidate_urls: Type.Array(Type.String(), { examples: [['http://192.168.1.20:8018']] }),
    mdns_name: nullable(Type.String({ examples: ['pi-cam.local'] })),
  },
  { title: 'LocalAccess' },
);
export type LocalAccess = Static<typeof LocalAccess>;

export const REMOTE_MODES = ['photo', 'video'] as const;
export type RemoteMode = (typeof REMOTE_MODES)[number];

/** How a camera with an API of its own says that it is. */
export interface RemoteStatus {
  mode: RemoteMode | null;
  /** what it streams to, as it tells it, without a key; null when it does not */
  stream: RemoteStream | null;
}

/** What it streams to. */
export const RemoteStream = Type.Object(
  {
    mode: Type.String({ examples: ['youtube'] }),
    url: nullable(Type.String()),
    started_at: nullable(Type.String()),
    metadata: anything(),
  },
  { title: 'RemoteStream' },
);
export type RemoteStream = Static<typeof RemoteStream>;

/** Names in its playlists: below one folder, without a way out. */
export const PREVIEW_NAME = '^(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)?[A-Za-z0-9_][A-Za-z0-9._-]*\\.(?:m3u8|ts|mp4|m4s)$';

/**
 * What a camera that is a computer of its own does besides stills (`relab+http:`): it is asked, nothing runs here for it. Each answer
 * comes within SERVICE_TIMEOUT or the signal's; throws `camera.unreachable`, `camera.key_missing`, `camera.key_refused`, `camera.busy`,
 * `camera.bad_answer`, and `camera.not_supported` for what its version does not have.
 */
export interface RemoteCamera {
  status(signal?: AbortSignal): Promise<RemoteStatus>;
  /** Wakes it in a mode, or rests it with null. */
  setMode(mode: RemoteMode | null): Promise<RemoteStatus>;
  telemetry(): Promise<CameraTelemetry>;
  localAccess(): Promise<LocalAccess>;
  /** How YouTube has to take what it sends: an ingest of this type is to be made. */
  ingestion(): Promise<'hls' | 'rtmp'>;
  /** Has it send to YouTube; one that sends already goes on. */
  startYoutube(target: { key: string; broadcast: string }): Promise<void>;
  /** The stream to YouTube; undefined when there is none. */
  youtube(): Promise<RemoteStream | undefined>;
  /** No error when there is none. */
  stopYoutube(): Promise<void>;
  /** Has it show itself live; throws `camera.busy` while it streams something (in one version also this). */
  startPreview(): Promise<RemoteStream>;
  /** False when there was none to stop. */
  stopPreview(): Promise<boolean>;
  /** A playlist or piece of its HLS by the name in its playlists; undefined when it is not there. A playlist is waited for a little. */
  previewFile(name: string, signal?: AbortSignal): Promise<Buffer | undefined>;
}
