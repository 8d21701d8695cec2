/** One H.264 access unit of a stream. */
export interface AccessUnit {
  /** Annex B with 4-byte start codes, SPS and PPS before each IDR; shared by all readers, so nobody writes to it */
  readonly annexB: Buffer;
  /** an IDR: decoding can begin here */
  readonly isKey: boolean;
  /** ms on the stream's own clock; `dts` rises with each unit of a format, also across restarts of the source */
  readonly dts: number;
  /** ms; other than `dts` only in a stream with B-frames */
  readonly pts: number;
  /** monotonic ms of this host's clock at which its last byte had come */
  readonly arrivedMs: number;
}

/** One frame of sound: AAC without ADTS, Opus packet, or a piece of G.711. */
export interface AudioUnit {
  readonly data: Buffer;
  /** ms, on the clock of the video */
  readonly pts: number;
}

export interface VideoFormat {
  /** RFC 6381, as `avc1.42e01f` */
  codec: string;
  sps: Buffer;
  pps: Buffer;
  width: number;
  height: number;
  /** pictures come in another order than they are shown: WebRTC cannot carry that */
  hasBFrames: boolean;
}

export interface AudioFormat {
  codec: 'aac' | 'opus' | 'pcmu' | 'pcma';
  sampleRate: number;
  channels: number;
  /** AudioSpecificConfig of AAC */
  config?: Buffer;
}

/** What a decoder has to know; `generation` rises when it has to start anew. */
export interface StreamFormat {
  generation: number;
  video: VideoFormat;
  audio?: AudioFormat;
}

/** Who reads a stream. Calls come one after the other, never from inside of `subscribe`'s own call stack of another reader. */
export interface StreamReader {
  /** Before the first unit, and again when the source came back with another one; units of the new format follow. */
  onFormat(format: StreamFormat): void;
  onVideo(unit: AccessUnit): void;
  onAudio?(unit: AudioUnit): void;
  /** True while the reader cannot take more: units are left out until it can and the next key frame comes, and are counted. */
  isFull?(): boolean;
  /** The source is away, with the reason in words; what is attached stays attached. */
  onGap?(reason: string): void;
  /** The camera was removed or the host stops: nothing comes any more. */
  onEnd?(): void;
}

export interface StreamSubscription {
  /** units left out because the reader was full */
  readonly discarded: number;
  close(): void;
}

export const STREAM_STATES = ['idle', 'connecting', 'live', 'waiting', 'failed'] as const;
export type StreamState = (typeof STREAM_STATES)[number];

export interface StreamStatus {
  camera: string;
  state: StreamState;
  /** why it waits or failed, in words; never with a password */
  reason?: string;
  readers: number;
  /** last measured over about 5 s */
  fps: number;
  bitsPerSecond: number;
  /** bytes that came from the source so far */
  bytes?: number;
  /** ms since the last unit; undefined before the first */
  ageMs?: number;
  restarts: number;
  /** units left out over all readers */
  discarded: number;
  format?: { codec: string; width: number; height: number; hasBFrames: boolean; audio?: AudioFormat['codec'] };
}

/** The live streams of a host's cameras. A source runs while somebody reads, and a while longer. */
export interface StreamHost {
  /**
   * Attaches a reader: the units since the last key frame come at once, then each as it arrives. Throws `camera.not_found`, and
   * `camera.no_stream` for a camera whose driver gives stills only. A source that cannot be reached is told by `onGap`.
   */
  subscribe(camera: string, reader: StreamReader): StreamSubscription;
  /** Throws `camera.not_found`, `camera.no_stream`. */
  status(camera: string): StreamStatus;
  list(): StreamStatus[];
  /** Keeps the source running without readers until released. */
  keepWarm(camera: string): () => void;
}
