/** What a player asks of a media playlist. */
export interface PlaylistAsk {
  /** answer only once this segment, or part of it, is there (`_HLS_msn`, `_HLS_part`) */
  msn?: number;
  part?: number;
  /** leave out what the player knows (`_HLS_skip`) */
  skip?: boolean;
  /** fill up with gaps while there are few segments, for Apple's player */
  padded?: boolean;
  /** added to every address in the playlist, as `?token=…`; empty for none */
  query: string;
}

/** A file of a stream; its bytes never change under a name. */
export interface LiveFile {
  /** follow each other */
  pieces: readonly Buffer[];
  bytes: number;
}

/** State of a running HLS muxer. */
export interface HlsStatus {
  camera: string;
  segments: number;
  bytes: number;
  /** requests that wait for a segment or part */
  waiting: number;
}

/**
 * HLS of a host's cameras, made while somebody asks for it. Errors within 10 s and in words: `camera.not_found`, `camera.no_stream`,
 * `camera.unreachable`, `stream.gone`, `stream.busy`, `request.invalid`.
 */
export interface HlsService {
  /** The multivariant playlist; waits for the first segment. */
  index(camera: string, query: string): Promise<string>;
  /** The media playlist, `live.m3u8` beside the index. */
  playlist(camera: string, ask: PlaylistAsk): Promise<string>;
  /** An init segment, segment or part by its name in a playlist; the part that is hinted at is waited for. */
  file(camera: string, name: string): Promise<LiveFile>;
  status(): HlsStatus[];
  /** Makes the camera's muxer or lets it live on for a minute, as if somebody had asked; throws as `subscribe` of its stream. */
  keepOpen(camera: string): void;
}

/** A picture of a camera as JPEG. */
export interface LivePicture {
  jpeg: Buffer;
  /** epoch ms, as near as it is known */
  takenAt: number;
}

export interface PictureViewer {
  /** pictures a second at most */
  fps: number;
  onPicture(picture: LivePicture): void;
  /** The camera is away, with the reason; pictures come again when it is back. */
  onGap?(reason: string): void;
  /** The camera was removed or the host stops. */
  onEnd?(): void;
}

export interface SnapshotAsk {
  width?: number;
  /** 1–100 */
  quality?: number;
  /** a picture taken after now */
  fresh?: boolean;
}

/** JPEGs of a host's cameras: one decoder a camera, for all who look. */
export interface PictureService {
  /** Hands on pictures until closed; throws `camera.not_found`, `stream.busy`. */
  watch(camera: string, viewer: PictureViewer): () => void;
  /** One picture, the newest there is; throws as `watch`, and `camera.unreachable` or `camera.no_picture` within 10 s. */
  snapshot(camera: string, ask: SnapshotAsk): Promise<LivePicture>;
}
