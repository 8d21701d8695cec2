import type {
  CameraCreate,
  CameraPatch,
  CameraRecord,
  CameraWithKey,
  CaptureRecord,
  DeviceCreate,
  DevicePatch,
  DeviceRecord,
  DeviceRotate,
  DeviceWithKey,
  ListQuery,
  Page,
} from './api.ts';
import type { CommandCreate, CommandRecord, CommandUpdate } from './commands.ts';
import type {
  DeploymentCreate,
  DeploymentPreview,
  DeploymentRecord,
  DeviceFlows,
  SigningAnswer,
  SigningRequest,
} from './deployments.ts';
import type { DetectionPlan } from './detection.ts';
import type { DeviceConfig, DeviceConfigPatch, ServedConfig } from './device-config.ts';
import type { EventMessage, EventPatch, EventRecord, EventType, ImageRole } from './events.ts';
import type { FrameMeta } from './frame.ts';
import type { Release } from './host.ts';
import type { JobRecord, JobState } from './jobs.ts';
import type { HeartbeatBody } from './mqtt-messages.ts';
import type { PairingClaim, PairingCode, PairingRegister, PairingState } from './pairing.ts';
import type { StreamCreate, StreamPatch, StreamRecord } from './published.ts';
import type { RetentionReport, RetentionStatus, RetentionWork } from './retention.ts';
import type { Roi, RoiSet } from './rois.ts';
import type { AuditQuery, AuditRecord, User } from './users.ts';

/**
 * What the doors (HTTP, broker) are handed: the stages' public faces. A stage implements its own, `main` wires them, and nobody
 * imports the stage behind one. Errors are AppErrors; `actor` is who asks, for the audit log.
 */
export interface Actor {
  /** `user:anna`, `device:demo-pi`, `admin-socket`, `setup` */
  name: string;
  ip?: string;
}

/** A frame at the door: parsed meta, defaults resolved, JPEG header checked against it. */
export interface IncomingFrame {
  device: string;
  camera: string;
  meta: FrameMeta;
  /** epoch ms */
  capturedAt: number;
  jpeg: Buffer;
}

export type Accepted =
  | { outcome: 'stored' | 'duplicate'; frameId: string; receivedAt: number }
  | { outcome: 'conflict'; frameId: string; lastSeq: number };

/** Stage `frames`. */
export interface FramesService {
  /** Resolves once bytes and row are durable. Throws `ingest.no_flow`, `ingest.busy`, `disk.full`, `db.unavailable`. */
  accept(frame: IncomingFrame): Promise<Accepted>;
  list(query: ListQuery): Promise<Page<CaptureRecord>>;
  get(id: string): Promise<CaptureRecord>;
  /** The picture's bytes; throws `capture.not_found` or `capture.bytes_gone`. */
  image(id: string): Promise<Buffer>;
  /** why frames cannot be taken now, for /readyz */
  trouble(): string | undefined;
}

/** Stage `jobs`. */
export interface JobsService {
  list(query: ListQuery & { state?: JobState }): Promise<Page<JobRecord & { id: number }>>;
  counts(): Promise<Record<JobState, number>>;
  /** A dead or failed job gets a fresh set of attempts; of another camera than those (null: all) there is none. */
  retry(id: number, actor: Actor, cameras?: string[] | null): Promise<JobRecord>;
}

/** Stage `events`. */
export interface EventsService {
  list(query: ListQuery & { type?: EventType; reviewed?: boolean }): Promise<Page<EventRecord>>;
  get(id: string): Promise<EventRecord>;
  patch(id: string, change: EventPatch, actor: Actor): Promise<EventRecord>;
  image(id: string, role: ImageRole): Promise<Buffer>;
  /** Everything from the outbox, from now on; with `after`, first what was published since that `n` (as far as it is kept). */
  subscribe(onEvent: (message: EventMessage) => void, options?: { after?: number }): Release;
}

/** Stage `retention`. */
export interface RetentionService {
  status(): Promise<RetentionStatus>;
  /** Throws `retention.running` while another run is under way. */
  run(options: { dryRun: boolean; work: RetentionWork; actor: Actor }): Promise<RetentionReport>;
}

export interface KnownDevice {
  id: string;
  /** ids of its cameras, the first one first */
  cameras: string[];
  disabled: boolean;
}

/** How a device without a key gets one (stage `fleet`). */
export interface PairingService {
  /** Throws `pairing.too_many`. */
  register(body: PairingRegister, address: string): Promise<PairingCode>;
  /** Throws `pairing.unknown` for a token that is over. */
  poll(token: string): Promise<PairingState>;
  /** Throws `pairing.unknown`, `pairing.too_many`, `device.not_found`. */
  claim(body: PairingClaim, actor: Actor): Promise<DeviceRecord>;
}

/** Stage `fleet`: devices, their keys and configuration, cameras, ROIs. */
export interface FleetService {
  /** Who holds this key; undefined for an unknown, revoked or expired one. Cheap: at most one query per key and 5 s. */
  deviceOfKey(key: string): Promise<KnownDevice | undefined>;
  /** Whose key of signed requests this is, with the secret; undefined for an unknown, revoked or expired one, or one that is not for signing. */
  signerOf(keyId: string): Promise<{ device: KnownDevice; secret: Buffer } | undefined>;
  readonly pairing: PairingService;
  devices(): Promise<DeviceRecord[]>;
  device(id: string): Promise<DeviceRecord>;
  createDevice(body: DeviceCreate, actor: Actor): Promise<DeviceWithKey>;
  patchDevice(id: string, change: DevicePatch, actor: Actor): Promise<DeviceRecord>;
  deleteDevice(id: string, actor: Actor): Promise<void>;
  /** A second key beside the current one, which ends after the overlap, or at once. */
  rotateKey(id: string, actor: Actor, body?: DeviceRotate): Promise<DeviceWithKey>;
  config(id: string): Promise<{ version: number; config: DeviceConfig }>;
  putConfig(id: string, change: DeviceConfigPatch, actor: Actor): Promise<{ version: number; config: DeviceConfig }>;
  /** As the device gets it; notes the fetch. */
  servedConfig(id: string): Promise<ServedConfig>;
  heartbeat(body: HeartbeatBody): Promise<{ lastSeen: number }>;
  /** all, or those of one device */
  cameras(device?: string): Promise<CameraRecord[]>;
  camera(id: string): Promise<CameraRecord>;
  createCamera(body: CameraCreate, actor: Actor): Promise<CameraRecord>;
  patchCamera(id: string, change: CameraPatch, actor: Actor): Promise<CameraRecord>;
  deleteCamera(id: string, actor: Actor): Promise<void>;
  /** A new key that Redeye sends to the camera, made up and shown this once. */
  renewCameraKey(id: string, actor: Actor): Promise<CameraWithKey>;
  rois(camera: string): Promise<{ version: number; rois: Roi[] }>;
  putRois(camera: string, body: RoiSet, actor: Actor): Promise<{ version: number; rois: Roi[] }>;
  /** ROIs and thresholds in force for a camera, with where each came from. */
  detectionPlan(camera: string): Promise<DetectionPlan>;
  /** An interaction began: asks the camera's device for a burst unless one runs or its cooldown does. */
  requestBurst(camera: string): Promise<boolean>;
}

/** Stage `fleet`: what devices are told to do. */
export interface CommandService {
  /**
   * Writes a command down and sends it, now or when the device comes, until it expires. Throws `device.not_found`,
   * `request.invalid` (arguments), `command.forbidden` for one that only the server sends.
   */
  issue(device: string, command: CommandCreate, actor: Actor): Promise<CommandRecord>;
  /** Throws `command.not_found`. */
  get(id: string): Promise<CommandRecord>;
  /** A device's, newest first; throws `request.invalid` for a strange cursor. */
  list(device: string, query: { limit: number; cursor?: string }): Promise<Page<CommandRecord>>;
  /** Calls at each change of a command, and each word of progress. */
  watch(onUpdate: (update: CommandUpdate) => void): Release;
  /**
   * For what takes moments: resolves with what the device answers. Throws `device.offline` at once or when it goes meanwhile,
   * `command.timeout`, `command.refused` with the device's `code` and `reason` in its details, or the signal's reason.
   */
  request(
    device: string,
    name: string,
    args: Record<string, unknown>,
    options: { timeoutMs: number; signal?: AbortSignal; actor?: Actor; onProgress?: (data: unknown) => void },
  ): Promise<unknown>;
}

/** Stage `publish`: cameras brought to others, as named streams. */
export interface StreamsService {
  /** All of them, or a camera's, by id. */
  list(camera?: string): Promise<StreamRecord[]>;
  /** Throws `stream.not_found`. */
  get(id: string): Promise<StreamRecord>;
  /** Throws `stream.exists`, `stream.not_set_up`, `push.invalid`, `request.invalid`. */
  create(camera: string, wish: StreamCreate, actor: Actor): Promise<StreamRecord>;
  /**
   * Changes what is given and keeps the rest, with address and key. What is on goes on undisturbed unless something changed that matters to
   * the other side. Throws `stream.not_found`, `stream.exists`, `stream.of_flow`, `stream.on`, `push.invalid`, `request.invalid`.
   */
  change(id: string, change: StreamPatch, actor: Actor): Promise<StreamRecord>;
  /** Switches it on or off; one that is so already stays as it is. Throws `stream.not_found`. */
  turn(id: string, wanted: boolean, actor: Actor): Promise<StreamRecord>;
  /** Ends it and forgets it; throws `stream.not_found`. */
  remove(id: string, actor: Actor): Promise<void>;
}

/** Stage `fleet`: flows for devices. */
export interface DeploymentService {
  /**
   * The edge tabs as they are now, for the devices of the target; sent at once, ring by ring, or when signed. Throws
   * `deployment.no_devices`, `deployment.nothing_new`, `flow.invalid` (a node that its target cannot run), `deployment.no_sealing_key`.
   */
  create(body: DeploymentCreate, actor: Actor): Promise<DeploymentRecord>;
  /** What `create` would do, node by node; what would be refused is said per device. Throws `deployment.no_devices`, `flow.invalid`. */
  preview(body: DeploymentCreate): Promise<DeploymentPreview>;
  /** What runs on the device, asked of it. Throws `device.not_found`, `device.offline`, `command.timeout` and what the device says. */
  running(device: string): Promise<DeviceFlows>;
  list(query: { limit: number; cursor?: string }): Promise<Page<DeploymentRecord>>;
  /** Throws `deployment.not_found`. */
  get(id: string): Promise<DeploymentRecord>;
  /** Nobody else is told of it; who has begun goes on. Throws `deployment.over`. */
  abort(id: string, actor: Actor): Promise<DeploymentRecord>;
  /** A new deployment of what its devices ran before. Throws `deployment.over`, `bundle.gone`. */
  rollback(id: string, actor: Actor): Promise<DeploymentRecord>;
  /** What is to be signed elsewhere. Throws `deployment.not_waiting`. */
  signingRequest(id: string): Promise<SigningRequest>;
  /** Throws `deployment.not_waiting`, `deployment.signature_invalid`. */
  sign(id: string, answer: SigningAnswer, actor: Actor): Promise<DeploymentRecord>;
  /** Bytes `[from, to)` of one of the device's own bundles, and its size. Throws `bundle.gone`. */
  bundlePart(device: string, sha256: string, from: number, to: number): Promise<{ bytes: Buffer; size: number }>;
}

/** A person as stored: what the login needs besides `User`. */
export interface StoredUser extends User {
  passwordHash: string;
  disabled: boolean;
  /** tokens of 12 h, for clients that cannot refresh */
  longToken?: boolean;
}

/** An app password as stored: never itself, only the keyed hash of its secret part. Times are epoch ms. */
export interface StoredAppPassword {
  id: number;
  userId: number;
  name: string;
  hash: Buffer;
  createdAt: number;
  lastUsedAt?: number;
}

/** What may be changed of a user; what is undefined stays. */
export type UserChange = Partial<
  Pick<StoredUser, 'email' | 'role' | 'cameras' | 'mayEditFlows' | 'longToken' | 'disabled'>
>;

/** Why a user was not changed: there is none, the address is taken, or nobody would be left who administers. */
export type UserTrouble = 'unknown' | 'exists' | 'last_admin';

/** Where users and their refresh tokens are kept. Tokens come as SHA-256 hashes; times are epoch ms. */
export interface UserStore {
  byLogin(login: string): Promise<StoredUser | undefined>;
  byId(id: number): Promise<StoredUser | undefined>;
  count(): Promise<number>;
  /** undefined when the name or the address is another user's already. */
  create(user: Omit<StoredUser, 'id' | 'disabled'>): Promise<StoredUser | undefined>;
  /** Everybody, by name. */
  list(): Promise<StoredUser[]>;
  update(id: number, change: UserChange): Promise<StoredUser | UserTrouble>;
  remove(id: number): Promise<'removed' | UserTrouble>;
  /** `given`: by somebody else. */
  setPassword(id: number, passwordHash: string, mustChange: boolean, given?: boolean): Promise<void>;
  addRefresh(token: { hash: Buffer; family: string; userId: number; expiresAt: number }): Promise<void>;
  /** Marks the token as used and says what it was before; undefined for an unknown one. */
  useRefresh(
    hash: Buffer,
    now: number,
  ): Promise<{ userId: number; family: string; state: 'fresh' | 'used' | 'expired' } | undefined>;
  /** Whose session this is, for those that are not exchanged; undefined for an unknown or expired one. */
  sessionHolder(hash: Buffer, now: number): Promise<number | undefined>;
  revokeFamily(family: string): Promise<void>;
  revokeAll(userId: number): Promise<void>;
  /** undefined when the public part is taken. */
  addAppPassword(made: {
    userId: number;
    name: string;
    key: string;
    hash: Buffer;
    at: number;
  }): Promise<StoredAppPassword | undefined>;
  appPasswords(userId: number): Promise<StoredAppPassword[]>;
  appPassword(key: string): Promise<StoredAppPassword | undefined>;
  removeAppPassword(userId: number, id: number): Promise<boolean>;
  touchAppPassword(id: number, at: number): Promise<void>;
  audit(entry: {
    actor: string;
    action: string;
    object: string;
    ip?: string;
    details?: Record<string, unknown>;
  }): Promise<void>;
  auditLog(query: AuditQuery): Promise<Page<AuditRecord>>;
  /** Runs the work on a store whose changes come together or not at all. */
  tx<T>(work: (store: UserStore) => Promise<T>): Promise<T>;
}
