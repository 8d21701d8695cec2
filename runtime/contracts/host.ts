import type { ApiHost } from './api-host.ts';
import type { BroadcastHost } from './broadcasts.ts';
import type { CameraSettings, CameraSettingsChange, CameraStatus, CaptureOptions } from './cameras.ts';
import type { CommandHost, DeviceHost } from './commands.ts';
import type { DetectionReport } from './detection.ts';
import type { ServedConfig } from './device-config.ts';
import type { EventMessage, EventType, ImageRole } from './events.ts';
import type { FrameInfo, Still } from './frame.ts';
import type { JobHandle } from './jobs.ts';
import type { LiveOutputKind, LiveOutputStatus } from './live.ts';
import type { Side } from './node-types.ts';
import type { PushHost } from './pushes.ts';
import type { RetentionReport, RetentionWork } from './retention.ts';
import type { RoomHost } from './rooms.ts';

/** Time as a parameter. `monotonicMs` never jumps and is what durations are measured with. */
export interface Clock {
  /** epoch ms */
  now(): number;
  monotonicMs(): number;
  /** Calls once after `ms`; the answer cancels it. */
  after(ms: number, run: () => void): () => void;
  /** Resolves after `ms`, rejects with the signal's reason when that comes first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A log line is an event with fields; secrets never go in. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  child(scope: string): Log;
}

/** Gives back what the call acquired; may be called twice. */
export type Release = () => void;

/** Cameras of this host, by id. Both sides. */
export interface CameraHost {
  list(): CameraStatus[];
  /** The id itself, or for an empty one this host's only or first camera; throws `camera.not_found`. */
  resolve(camera: string): string;
  /** A camera that a flow declares (its `camera` node holds a URL); released when the node closes. */
  declare(camera: { id: string; url: string }): Release;
  /** One still; throws `camera.unreachable` or `camera.no_picture` with the reason in words. */
  capture(camera: string, options?: CaptureOptions, signal?: AbortSignal): Promise<Still>;
  /** How a camera captures and what can be changed; asks the device where only that knows. Throws as `capture`. */
  settings(camera: string): Promise<CameraSettings>;
  /**
   * Changes it, at the device where it can, else by starting its program anew: who watches or captures stays attached, another size is a
   * discontinuity. It holds until the host stops or the camera gets another address. Throws `camera.setting_invalid` in words.
   */
  applySettings(camera: string, change: CameraSettingsChange): Promise<CameraSettings>;
  /** Calls when a camera comes, goes, or gets another address or other settings. */
  watch(onChange: (camera: string) => void): Release;
}

/** A frame that the server has stored durably. Its bytes are read on demand: wires carry references. */
export interface StoredFrame extends FrameInfo {
  id: string;
  seq: number;
  receivedAt: number;
}

/** The ingest route belongs to `http`; a node only says that frames are wanted. Server. */
export interface IngestHost {
  /** While nobody is attached, devices are told 503 and keep their frames. */
  attach(taker: {
    /** only frames of this camera; empty for all */
    camera?: string;
    /** only frames of this device; empty for all */
    device?: string;
    /** put a job into the camera's lane for each frame */
    analyse: boolean;
    onFrame(frame: StoredFrame): void;
  }): Release;
  /**
   * Stores a still of the server's own cameras as the next frame of device `server`; resolves when it is durable. It waits out a
   * database that is away; throws `ingest.busy` when too many wait already, `camera.foreign`, `ingest.no_flow`, `disk.full`.
   */
  store(still: Still): Promise<{ id: string; seq: number }>;
}

/** Jobs of the analysis queue. Server. */
export interface JobHost {
  /** Takes jobs, several cameras side by side, each camera in `seq` order: the next comes when the last is finished or its lease ran out. */
  work(
    options: { camera?: string; concurrency: number },
    onJob: (job: JobHandle, frame: StoredFrame, jpeg: Buffer) => void,
  ): Release;
  /** `gone` when the lease was lost meanwhile; nothing is written then. */
  done(job: JobHandle): Promise<'done' | 'gone'>;
  /** Tries again later, or buries it after the last attempt. */
  fail(job: JobHandle, error: Error): Promise<void>;
}

/** Comparison of pictures. Both sides. */
export interface DetectionHost {
  /** Compares the job's picture and commits job, state and events in one transaction. Server. */
  compareJob(job: JobHandle, frame: StoredFrame, jpeg: Buffer, by: { flow: string }): Promise<DetectionReport>;
  /** Compares plain frames; the state lives in `memory`, which the node owns. Nothing is written. */
  compareFrame(frame: FrameInfo, jpeg: Buffer, memory: DetectionMemory): Promise<DetectionReport>;
}

/** Keeps the state of plain comparisons between messages; made empty by the node. */
export interface DetectionMemory {
  state?: unknown;
}

/** Events on their way out. Server. */
export interface EventHost {
  subscribe(
    filter: { types?: EventType[]; camera?: string; phase?: 'start' | 'end' },
    onEvent: (message: EventMessage) => void,
  ): Release;
  /** Bytes of an event's picture; undefined when that role has none. */
  image(event: string, role: ImageRole): Promise<Buffer | undefined>;
}

/** Deletes what the rules say. Server. */
export interface RetentionHost {
  /** Throws `retention.running` while another run is under way. A dry run tells the same and touches nothing. */
  run(options: { dryRun: boolean; work: RetentionWork }): Promise<RetentionReport>;
}

/** The spool and what sends it on. Edge. */
export interface UploadHost {
  /** Numbers the frame and puts it on disk; resolves when it is safe there. No number before a new device has heard from the server. */
  spool(still: Still): Promise<{ seq?: number }>;
  status(): UploadStatus;
  watch(onChange: (status: UploadStatus) => void): Release;
}

export interface UploadStatus {
  state: 'idle' | 'sending' | 'waiting' | 'refused';
  /** frames and bytes that wait on disk */
  frames: number;
  bytes: number;
  sent: number;
  rejected: number;
  dropped: number;
  /** epoch ms of the last acknowledged frame */
  lastSentAt?: number;
  reason?: string;
}

/** The live outputs of this host's cameras, and who watches them. */
export interface LiveHost {
  /** How an output is now; an empty camera is this host's first. What is wrong with the camera is its reason: nothing is thrown. */
  status(camera: string, kind: LiveOutputKind): LiveOutputStatus;
  /** Calls within a second after state, reason or number of viewers changed; who came and left within that second is not told. */
  watch(camera: string, kind: LiveOutputKind, onChange: (status: LiveOutputStatus) => void): Release;
  /** Keeps the output ready to be watched until released, also through times in which the camera is not there. */
  keepWarm(camera: string, kind: LiveOutputKind): Release;
}

/** The device's configuration as last fetched; on a Pi it survives a restart without network. The server has one for its own cameras. */
export interface ConfigHost {
  current(): ServedConfig | undefined;
  watch(onChange: (config: ServedConfig) => void): Release;
}

/**
 * The powers a node gets, put into Node-RED's settings as `redeye`. A part that this side lacks is undefined;
 * the wrapper in `nodes/lib` turns its use into a clear status instead of a crash.
 */
export interface Host {
  readonly side: Side;
  readonly device: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly cameras: CameraHost;
  readonly detection: DetectionHost;
  readonly ingest?: IngestHost;
  readonly jobs?: JobHost;
  readonly events?: EventHost;
  readonly retention?: RetentionHost;
  readonly upload?: UploadHost;
  readonly config?: ConfigHost;
  readonly live?: LiveHost;
  readonly commands?: CommandHost;
  readonly devices?: DeviceHost;
  readonly api?: ApiHost;
  readonly pushes?: PushHost;
  readonly broadcasts?: BroadcastHost;
  readonly rooms?: RoomHost;
}

/** Where a Node-RED that is not ours finds a host: the package of `npm run pack:nodes` puts one there. */
export const HOST_OFFERED = Symbol.for('redeye.host');
export interface OfferedHost {
  [HOST_OFFERED]?: Host;
}
