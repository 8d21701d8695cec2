// Made from the OpenAPI document by `npm run docs`; do not edit.

export type AppPasswordCreate = {
  /** what it is for */
  name: string;
};

export type AppPasswordMade = {
  id: number;
  name: string;
  created_at: string;
  last_used: string | null;
  password: string;
};

export type AppPasswordRecord = {
  id: number;
  name: string;
  created_at: string;
  last_used: string | null;
};

export type AppPasswordRecordPage = {
  items: AppPasswordRecord[];
  /** null at the end */
  next: string | null;
};

export type AuditRecord = {
  id: number;
  at: string;
  actor: string;
  action: string;
  object: string;
  ip: string | null;
  details: Record<string, unknown>;
};

export type AuditRecordPage = {
  items: AuditRecord[];
  /** null at the end */
  next: string | null;
};

export type CameraCreate = {
  id?: string;
  name: string;
  description?: string | null;
  /** default: server */
  device?: string;
  url?: string;
  /** sent as X-API-Key; null: none */
  key?: string | null;
  /** all of them; at most 3500 bytes; X-API-Key is the key */
  headers?: {
    key: string;
    value: string;
  }[];
};

export type CameraModePut = {
  mode: "photo" | "video" | null;
};

export type CameraPatch = {
  name?: string;
  description?: string | null;
  url?: string;
  /** sent as X-API-Key; null: none */
  key?: string | null;
  /** all of them; at most 3500 bytes; X-API-Key is the key */
  headers?: {
    key: string;
    value: string;
  }[];
};

export type CameraRecord = {
  id: string;
  name: string;
  description: string | null;
  device: string;
  /** kind of driver, as rtsp or sim; the address itself is write-only */
  driver: string;
  state: string;
  last_frame: string | null;
  created_at: string;
  updated_at: string;
  /** Redeye sends it a key, which is never shown again */
  has_key: boolean;
  /** names of further headers that it is sent */
  headers: string[];
};

export type CameraRecordPage = {
  items: CameraRecord[];
  /** null at the end */
  next: string | null;
};

export type CameraSettingsAnswer = {
  /** ms; null: the camera finds it by itself */
  exposure?: number | null;
  /** 1 is none (USB cameras: units of their own); null: the camera finds it by itself */
  gain?: number | null;
  resolution?: Resolution;
  /** pictures a second of the live stream */
  fps?: number;
  ranges: {
    exposure?: SettingRange;
    gain?: SettingRange;
    fps?: SettingRange;
  };
  /** empty: it cannot be chosen */
  available_resolutions: Resolution[];
  /** it can be asked for a picture, as far as is known */
  connected: boolean;
  /** its live stream runs */
  streaming: boolean;
};

export type CameraSettingsPut = {
  /** ms; null: the camera finds it by itself */
  exposure?: number | null;
  /** 1 is none (USB cameras: units of their own); null: the camera finds it by itself */
  gain?: number | null;
  resolution?: Resolution;
  /** pictures a second of the live stream */
  fps?: number;
};

export type CameraStatusAnswer = {
  id: string;
  device: string;
  driver: string;
  state: string;
  connected: boolean;
  streaming: boolean;
  last_frame: string | null;
  /** why it is not connected, in words */
  reason: string | null;
  /** the same as a code, where the camera was asked */
  code: string | null;
  /** what a camera with an API of its own says, at most 15 s old */
  remote: RemoteView | null;
};

export type CameraTelemetry = {
  timestamp: string | null;
  cpu_temp_c: number | null;
  cpu_percent: number | null;
  mem_percent: number | null;
  disk_percent: number | null;
  preview_fps: number | null;
  /** who watches it live */
  preview_sessions: number;
  thermal_state: "normal" | "warm" | "throttle" | "critical";
  current_preview_size: number[] | null;
};

export type CameraTest = {
  ok: true;
  /** what answered, as rtsp */
  driver: string;
  /** pixels of the still */
  width: number;
  height: number;
  /** until the still was there */
  took_ms: number;
  live: LiveTest;
} | {
  ok: false;
  code: string;
  reason: string;
  driver?: string;
};

export type CameraTestBody = {
  url: string;
};

export type CameraWithKey = {
  id: string;
  name: string;
  description: string | null;
  device: string;
  /** kind of driver, as rtsp or sim; the address itself is write-only */
  driver: string;
  state: string;
  last_frame: string | null;
  created_at: string;
  updated_at: string;
  /** Redeye sends it a key, which is never shown again */
  has_key: boolean;
  /** names of further headers that it is sent */
  headers: string[];
  key: string;
};

export type CaptureBody = {
  /** ms */
  exposure?: number;
  /** as in the settings of the camera */
  gain?: number;
  product_id?: number;
  description?: string;
};

export type CaptureRecord = {
  id: string;
  device: string;
  camera: string;
  seq: number;
  captured_at: string;
  received_at: string;
  width: number;
  height: number;
  jpeg_quality: number;
  /** bytes */
  size: number;
  /** where its picture is */
  image: string;
  meta: Record<string, unknown>;
};

export type CaptureRecordPage = {
  items: CaptureRecord[];
  /** null at the end */
  next: string | null;
};

export type CommandCreate = {
  name: string;
  args?: Record<string, unknown>;
  /** how long it is kept for a device that is away */
  ttl_s?: number;
};

export type CommandRecord = {
  id: string;
  device: string;
  name: string;
  args: Record<string, unknown>;
  state: "queued" | "sent" | "accepted" | "done" | "failed" | "expired";
  issued_at: string;
  expires_at: string;
  sent_at: string | null;
  finished_at: string | null;
  /** what the device answered */
  data: unknown;
  code: string | null;
  error: string | null;
  actor: string;
  /** what it said on the way, as far as it is remembered */
  progress: unknown[];
};

export type CommandRecordPage = {
  items: CommandRecord[];
  /** null at the end */
  next: string | null;
};

export type ConfigAnswer = {
  version: number;
  config: DeviceConfig;
};

export type DeploymentCreate = {
  target: string;
  /** who comes first: shares of the devices so far (0.1, 0.5), or targets; the rest comes last */
  rings?: (number | string)[];
  /** between two rings; default 0 */
  pause_s?: number;
  /** stop when more than this share of the devices told so far failed; default 0 */
  abort_share?: number;
  /** a ring does not wait longer for a device; default 900 */
  timeout_s?: number;
  env?: Record<string, string>;
  gates?: {
    /** default: the device's own */
    probation_s?: number;
    /** frames must come on when they came before; default true */
    expect_frames?: boolean;
    /** frames a second that must come */
    min_fps?: number;
  };
  note?: string;
  /** leave out devices that run just that already; default false */
  only_changed?: boolean;
};

export type DeploymentPreview = {
  devices: {
    device: string;
    ring: number;
    /** it runs just that already */
    unchanged: boolean;
    diff: FlowDiff;
    nodes: NodeChange[];
    problem: string | null;
  }[];
};

export type DeploymentRecord = {
  id: string;
  target: string;
  state: "unsigned" | "running" | "done" | "failed" | "aborted";
  reason: string | null;
  actor: string;
  note: string | null;
  commit: string | null;
  rollback_of: string | null;
  /** the deployment that this one brings to a device that came later */
  follows: string | null;
  /** the one under way, from 0 */
  ring: number;
  rings: number;
  counts: {
    total: number;
    active: number;
    /** rejected or rolled back */
    failed: number;
    open: number;
  };
  created_at: string;
  finished_at: string | null;
  devices: DeploymentTarget[];
};

export type DeploymentRecordPage = {
  items: DeploymentRecord[];
  /** null at the end */
  next: string | null;
};

export type DeploymentTarget = {
  device: string;
  ring: number;
  state: "waiting" | "sent" | "fetching" | "verifying" | "staged" | "switching" | "probation" | "active" | "rejected" | "rolled_back" | "superseded" | "aborted";
  generation: number;
  revision: string;
  reason: string | null;
  diff: FlowDiff;
  sent_at: string | null;
  ended_at: string | null;
  /** what the cameras saw, where the device went back by itself */
  pictures: PicturesOfTrial | null;
};

export type DeviceAlert = {
  metric: "temperature_c" | "disk_free_mb" | "under_voltage" | "throttled" | "clock_skew_s";
  level: "ok" | "watch" | "bad";
  /** of what is true or false: 1 */
  value: number;
  /** heading in docs/runbook.md: what to do about it */
  runbook: string;
};

export type DeviceConfig = {
  /** time between two frames at rest, in seconds */
  capture_interval_s: number;
  /** frames per second during a burst */
  burst_fps: number;
  /** length of a burst, in seconds */
  burst_duration_s: number;
  /** rest after a burst before the next one may start, in seconds */
  burst_cooldown_s: number;
  /** time between two looks at the configuration, in seconds */
  config_poll_interval_s: number;
  /** share of a ROI's windows that must differ */
  interaction_threshold: number;
  /** frames in a row above the threshold that start an interaction */
  interaction_min_frames: number;
  /** quiet time that ends an interaction, in seconds */
  interaction_end_timeout_s: number;
  /** quality of captured pictures */
  jpeg_quality: number;
  /** width of captured pictures */
  width?: number;
  /** height of captured pictures */
  height?: number;
};

export type DeviceConfigPatch = {
  /** time between two frames at rest, in seconds */
  capture_interval_s?: number;
  /** frames per second during a burst */
  burst_fps?: number;
  /** length of a burst, in seconds */
  burst_duration_s?: number;
  /** rest after a burst before the next one may start, in seconds */
  burst_cooldown_s?: number;
  /** time between two looks at the configuration, in seconds */
  config_poll_interval_s?: number;
  /** share of a ROI's windows that must differ */
  interaction_threshold?: number;
  /** frames in a row above the threshold that start an interaction */
  interaction_min_frames?: number;
  /** quiet time that ends an interaction, in seconds */
  interaction_end_timeout_s?: number;
  /** quality of captured pictures */
  jpeg_quality?: number;
  /** width of captured pictures */
  width?: number;
  /** height of captured pictures */
  height?: number;
};

export type DeviceCreate = {
  /** default: made from the name */
  id?: string;
  name: string;
  /** also a secret with which a small device signs its requests */
  signed?: boolean;
};

export type DeviceFlow = {
  /** of the last deployment for it; 0: none */
  generation: number;
  desired_revision: string | null;
  revision: string | null;
  phase: "fetching" | "verifying" | "staged" | "switching" | "probation" | "active" | "rejected" | "rolled_back" | null;
  slot: "own" | "A" | "B" | "safe" | null;
  reason: string | null;
  /** it runs something else than it should, and is not on the way there */
  drift: boolean;
  reported_at: string | null;
};

export type DeviceFlows = {
  device: string;
  slot: "own" | "A" | "B" | "safe" | null;
  revision: string | null;
  taken_at: string;
  flows: {
    id: string;
    type: string;
  }[];
  diff: FlowDiff;
  /** from the edge tabs here to what runs there */
  nodes: NodeChange[];
};

export type DevicePatch = {
  name?: string;
  groups?: string[];
  disabled?: boolean;
};

export type DeviceRecord = {
  id: string;
  name: string;
  state: "online" | "offline" | "degraded" | "updating";
  mode: "baseline" | "burst";
  burst_until: string | null;
  /** highest number ever accepted; -1: none */
  last_seq: number;
  last_seen: string | null;
  last_frame: string | null;
  last_config_fetch: string | null;
  config_version: number;
  cameras: string[];
  rssi: number | null;
  battery_mv: number | null;
  fw_version: string | null;
  health: Record<string, unknown>;
  /** what of its health needs a person; none while it is offline */
  alerts: DeviceAlert[];
  info: Record<string, unknown>;
  /** names under which deployments reach it together with others */
  groups: string[];
  flow: DeviceFlow;
  disabled: boolean;
  created_at: string;
};

export type DeviceRecordPage = {
  items: DeviceRecord[];
  /** null at the end */
  next: string | null;
};

export type DeviceRotate = {
  /** the old key ends now, as when it was stolen; default: in a day */
  end_old?: boolean;
  /** also a secret with which a small device signs its requests */
  signed?: boolean;
};

export type DeviceWithKey = {
  id: string;
  name: string;
  state: "online" | "offline" | "degraded" | "updating";
  mode: "baseline" | "burst";
  burst_until: string | null;
  /** highest number ever accepted; -1: none */
  last_seq: number;
  last_seen: string | null;
  last_frame: string | null;
  last_config_fetch: string | null;
  config_version: number;
  cameras: string[];
  rssi: number | null;
  battery_mv: number | null;
  fw_version: string | null;
  health: Record<string, unknown>;
  /** what of its health needs a person; none while it is offline */
  alerts: DeviceAlert[];
  info: Record<string, unknown>;
  /** names under which deployments reach it together with others */
  groups: string[];
  flow: DeviceFlow;
  disabled: boolean;
  created_at: string;
  api_key: string;
  /** 32 bytes in hex, for signed requests; shown once */
  signing_secret?: string;
};

export type ErrorBody = {
  statusCode: number;
  error: string;
  message: string;
  /** what the runbook explains */
  code: string;
  /** what of the request is wrong */
  field?: string;
  /** with image.unsaved only: what is known of the picture */
  image?: unknown;
  /** why, where the message is one that clients know by heart */
  reason?: string;
};

export type EventPatch = {
  note?: string | null;
  reviewed?: boolean;
  verdict?: boolean | null;
  keep?: boolean;
};

export type EventRecord = {
  id: string;
  type: "interaction_detected" | "stock_changed" | "camera_obstructed" | "scene_shifted" | "camera_issue";
  state: "open" | "closed";
  device: string;
  camera: string;
  rois: string[];
  started_at: string;
  ended_at: string | null;
  stock_changed: boolean | null;
  score: number;
  /** path below the server's own address, for each role that is there */
  images: {
    pre?: string;
    during?: string;
    post?: string;
    thumb?: string;
  };
  details: Record<string, unknown>;
  parent: string | null;
  reviewed: boolean;
  verdict: boolean | null;
  note: string | null;
  keep: boolean;
};

export type EventRecordPage = {
  items: EventRecord[];
  /** null at the end */
  next: string | null;
};

export type FlowDiff = {
  added: string[];
  changed: string[];
  removed: string[];
  /** what the device ran before is not known: every tab is among the added ones */
  first?: boolean;
  /** back to the tabs that the device was shipped with, whatever they are */
  shipped?: boolean;
};

export type GraphRecord = {
  camera: string;
  source: {
    state: "idle" | "connecting" | "live" | "waiting" | "failed";
    reason: string | null;
    codec: string | null;
    width: number | null;
    height: number | null;
    b_frames: boolean | null;
    sound: string | null;
    fps: number;
    bits_per_second: number;
    age_ms: number | null;
    restarts: number;
  };
  hub: {
    /** viewers by WebRTC, HLS, a decoder for JPEGs, pushes: what reads here */
    readers: number;
    /** pictures left out for readers that were full */
    discarded: number;
  };
  viewers: SessionRecord[];
};

export type GraphRecordPage = {
  items: GraphRecord[];
  /** null at the end */
  next: string | null;
};

export type ImageDeleted = {
  success: true;
  message: string;
  imageId: number;
};

export type ImageList = ImageRecordPage | {
  data: SeedImage[];
  pagination: Pagination;
};

export type ImageRecord = {
  id: number;
  camera: string;
  device: string;
  product_id: number | null;
  user_id: number | null;
  filename: string;
  image: string;
  description: string | null;
  captured_at: string;
  /** ms; null: the camera found it by itself, or does not say */
  exposure: number | null;
  gain: number | null;
  width: number;
  height: number;
  /** bytes */
  size: number;
  metadata: Record<string, unknown>;
  created_at: string;
  updated_at: string;
};

export type ImageRecordPage = {
  items: ImageRecord[];
  /** null at the end */
  next: string | null;
};

export type IngressAccess = {
  ingress_id: string;
  room: string;
  name: string;
  via: "whip" | "rtmp";
  url: string;
  stream_key: string;
};

export type IngressWish = {
  room: string;
  name: string;
  via?: "whip" | "rtmp";
};

export type JobCounts = {
  queued: number;
  running: number;
  done: number;
  failed: number;
  dead: number;
};

export type JobRecord = {
  id: number;
  state: "queued" | "running" | "done" | "failed" | "dead";
  device: string;
  camera: string;
  seq: number;
  frame_id: string;
  attempts: number;
  error: string | null;
  run_after: string | null;
  created_at: string;
  finished_at: string | null;
};

export type JobRecordPage = {
  items: JobRecord[];
  /** null at the end */
  next: string | null;
};

export type LivekitDiagnosis = {
  ok: boolean;
  checked_at: string;
  checks: {
    name: "settings" | "host" | "key" | "ingress" | "turn";
    ok: boolean | null;
    code: string;
    message: string;
    advice: string | null;
  }[];
};

export type LivekitStatus = {
  configured: boolean;
  url: string | null;
  reason: string | null;
};

export type LivekitToken = {
  /** where to connect, as wss://live.example */
  url: string;
  token: string;
  room: string;
  identity: string;
  expires_at: string;
};

export type LiveTest = {
  works: boolean;
  /** WebRTC too; else HLS and MJPEG only */
  webrtc: boolean;
  /** RFC 6381, as avc1.42e01f */
  codec?: string;
  width?: number;
  height?: number;
  b_frames?: boolean;
  /** codec of its sound */
  sound?: string;
  /** what does not work and why, or what is special about it */
  reason?: string;
};

export type LiveWays = {
  /** none: only stills come from it */
  state: "idle" | "connecting" | "live" | "waiting" | "failed" | "none";
  /** why it is not live, in words */
  reason?: string;
  /** epoch ms on the server's clock */
  now: number;
  ways: {
    name: "livekit" | "whep" | "hls" | "mjpeg";
    /** livekit: ask POST /livekit/token for a token for it */
    room?: string;
    /** livekit: whose pictures in the room are this camera */
    participant?: string;
    /** why it is not worth a try now */
    reason?: string;
  }[];
  /** for WebRTC, with fresh credentials */
  iceServers: {
    url: string;
    username?: string;
    credential?: string;
  }[];
};

export type LocalAccess = {
  /** goes into the header X-API-Key */
  local_api_key: string;
  candidate_urls: string[];
  mdns_name: string | null;
};

export type LoginAnswer = {
  access_token: string;
  token_type: "Bearer";
  /** seconds */
  expires_in: number;
  /** good for one use */
  refresh_token: string;
  user: LoginUser;
};

export type LoginBody = {
  /** e-mail address or user name */
  email: string;
  password: string;
};

export type LoginUser = {
  id: number;
  name: string;
  email: string | null;
  role: "admin" | "operator" | "viewer";
  /** ids of the cameras they may see; null: all */
  cameras: string[] | null;
  may_edit_flows: boolean;
  must_change_password: boolean;
  /** the same as name */
  username: string;
  fullName: null;
  labRole: null;
  preferences: Record<string, never>;
};

export type MetricsAnswer = {
  at: string;
  /** the worst of `alerts`, `database` and `flows` */
  level: "ok" | "watch" | "bad";
  alerts: {
    metric: "temperature_c" | "disk_free_bytes" | "queue_depth" | "ingest_failures_1h" | "dead_jobs";
    bad_when: "high" | "low";
    watch: number | null;
    bad: number | null;
    runbook: string;
    /** null: cannot be measured here */
    value: number | null;
    level: "ok" | "watch" | "bad";
  }[];
  ingest: {
    /** counted from here: the start of the server, at most an hour ago */
    since: string;
    success: number;
    failures: number;
    duplicates: number;
    failures_by_code: Record<string, number>;
    bytes: number;
    answer_ms: number | null;
    /** since the start of the server */
    success_total: number;
    failures_total: number;
    /** the hour in twelve pieces of five minutes, the oldest first */
    series: {
      at: string;
      success: number;
      failures: number;
    }[];
  };
  queue: {
    depth: number;
    by_state: JobCounts;
  } | null;
  disk: {
    free_bytes: number;
    total_bytes: number;
    segments: number;
    segments_bytes: number;
  } | null;
  database: {
    kind: "postgres" | "pglite";
    up: boolean;
    answer_ms: number | null;
    level: "ok" | "watch" | "bad";
    version: string | null;
    size_bytes: number | null;
    tables: {
      name: string;
      /** an estimate where there are very many */
      rows: number;
      last_write: string | null;
      /** with its indexes */
      size_bytes: number;
    }[] | null;
  };
  devices: {
    online: number;
    total: number;
  } | null;
  events_waiting: number | null;
  mqtt_connections: number;
  flows: {
    state: string;
    reason: string | null;
    level: "ok" | "watch" | "bad";
  };
  system: {
    /** over 1, 5 and 15 minutes */
    cpu_load: number[];
    cpus: number;
    memory_total_bytes: number;
    memory_available_bytes: number;
    process_rss_bytes: number;
    uptime_s: number;
    temperature_c: number | null;
  };
};

export type NodeChange = {
  id: string;
  type: string;
  /** its name, else its id */
  name: string;
  /** name of the tab or subflow that it is on; empty for none */
  tab: string;
  change: "added" | "changed" | "removed";
  fields: {
    /** where only its place on the canvas changed: `place` */
    field: string;
    /** as JSON, shortened; empty: not there */
    before: string;
    after: string;
  }[];
};

export type Pagination = {
  total: number;
  page: number;
  limit: number;
  totalPages: number;
};

export type PairingClaim = {
  /** as the device shows it */
  code: string;
  name: string;
  /** one that is registered already and lost its key: it gets a new one, all earlier ones end */
  device?: string;
};

export type PairingCode = {
  /** to be shown on the device */
  code: string;
  /** for the device alone */
  poll_token: string;
  expires_at: string;
};

export type PairingRegister = {
  /** X25519 (RFC 7748), the 32 bytes in base64url: its key is sealed to it */
  public_key: string;
  model: string;
};

export type PairingState = {
  state: "waiting" | "claimed";
  device_id: string | null;
  /** base64url; handed over once */
  sealed: string | null;
};

export type PasswordBody = {
  current_password: string;
  new_password: string;
};

export type PicturesOfTrial = {
  before: string | null;
  /** the last one of the new flows */
  during: string | null;
  /** the first one of the flows that run again */
  after: string | null;
};

export type ProductCreate = {
  name: string;
  description?: string | null;
  metadata?: Record<string, unknown>;
};

export type ProductPatch = {
  name?: string;
  description?: string | null;
  metadata?: Record<string, unknown>;
};

export type ProductRecord = {
  id: number;
  name: string;
  description: string | null;
  metadata: Record<string, unknown>;
  /** who made it */
  user_id: number | null;
  /** how many pictures it has that you may see */
  images: number;
  videos: number;
  created_at: string;
  updated_at: string;
};

export type ProductRecordPage = {
  items: ProductRecord[];
  /** null at the end */
  next: string | null;
};

export type RefreshBody = {
  /** the console leaves it out: its cookie has it */
  refresh_token?: string;
};

export type RemoteStream = {
  mode: string;
  url: string | null;
  started_at: string | null;
  metadata: Record<string, unknown>;
};

export type RemoteView = {
  mode: "photo" | "video" | null;
  stream: RemoteStream | null;
  /** when it last answered */
  last_seen: string | null;
  /** why it does not say */
  code: string | null;
  reason: string | null;
};

export type Resolution = {
  width: number;
  height: number;
};

export type RetentionCounts = {
  captures: number;
  segments: number;
  segment_bytes: number;
  /** events whose pictures went; the events themselves stay */
  events: number;
  event_images: number;
  event_image_bytes: number;
  /** files that no row names */
  orphans: number;
  orphan_bytes: number;
  /** ended logins */
  tokens: number;
  /** jobs that were given up long ago */
  jobs: number;
};

export type RetentionReport = {
  /** true: nothing was touched */
  dry_run: boolean;
  work: "all" | "space";
  asked_by: string;
  state: "running" | "done" | "halted" | "failed" | "interrupted";
  started_at: string;
  finished_at: string | null;
  deleted: RetentionCounts;
  /** frames whose job is not finished are kept, up to a cap */
  unfinished: {
    bytes: number;
    cap_bytes: number;
    deleted_captures: number;
  };
  /** in words: why it halted, what could not be deleted */
  notes: string[];
};

export type RetentionRun = {
  /** only tell what would be deleted */
  dry_run?: boolean;
  work?: "all" | "space";
};

export type RetentionStatus = {
  last_run: RetentionReport | null;
  /** what the server does by itself; everything else is asked for by flows */
  next: {
    at: string;
    what: string;
  } | null;
  usage: {
    segments_bytes: number;
    event_images_bytes: number;
    free_bytes: number;
    /** exempt from every rule, the largest first, at most 200; `kept_bytes` is of all */
    kept: {
      event?: string;
      capture?: string;
      /** a picture that somebody asked for */
      image?: number;
      bytes: number;
    }[];
    kept_bytes: number;
  };
  limits: {
    event_images_days: number;
    staging_hours: number;
    max_bytes: number | null;
    min_free_bytes: number;
    unfinished_bytes: number;
    /** of the rows of a kind, in one run, while time is in doubt */
    share_in_doubt: number;
  };
};

export type Roi = {
  name: string;
  kind: "interaction" | "inventory" | "ignore";
  points: ([number, number])[];
  threshold?: number;
};

export type RoisAnswer = {
  version: number;
  rois: Roi[];
};

export type RoiSet = {
  version?: number;
  rois: Roi[];
};

export type SeedImage = {
  id: number;
  camera: string;
  device: string;
  product_id: number | null;
  user_id: number | null;
  filename: string;
  image: string;
  description: string | null;
  captured_at: string;
  /** ms; null: the camera found it by itself, or does not say */
  exposure: number | null;
  gain: number | null;
  width: number;
  height: number;
  /** bytes */
  size: number;
  metadata: Record<string, unknown>;
  created_at: string;
  updated_at: string;
  userId: number | null;
  job_id: null;
  filepath: string;
  thumbnail_path: string;
  capturedAt: string;
  x_position: null;
  y_position: null;
  z_position: null;
  exposureTime: number | null;
  exposure_time: number | null;
  gamma: null;
  fileSize: number;
  file_size: number;
};

export type SessionRecord = {
  id: string;
  /** livekit: has a token for a room, or is in it */
  type: "whep" | "hls" | "mjpeg" | "livekit";
  camera: string;
  user: string;
  /** IP address it is watched from */
  address: string;
  path: string;
  state: "connecting" | "playing";
  started_at: string;
  bytes: number;
  /** pictures left out because it could not take them */
  discarded: number;
  loss: {
    share: number;
    packets: number;
    jitter_ms: number;
  } | null;
};

export type SessionRecordPage = {
  items: SessionRecord[];
  /** null at the end */
  next: string | null;
};

export type SettingRange = {
  min: number;
  max: number;
};

export type SigningAnswer = {
  v: 1;
  deployment: string;
  key: {
    key_id: string;
    public_key: string;
    signed_by?: string;
    signature?: string;
  };
  signatures: {
    sha256: string;
    signature: string;
  }[];
};

export type SigningRequest = {
  v: 1;
  deployment: string;
  bundles: {
    statement: {
      device: string;
      generation: number;
      id: string;
      sha256: string;
      size: number;
    };
    bundle: string;
  }[];
};

export type StreamCreate = {
  type: "hls" | "rtmp" | "whip" | "youtube" | "livekit";
  /** its id from now on; made up when there is none */
  name?: string;
  /** begin at once */
  started?: boolean;
  /** rtmp: rtmp:// or rtmps:// address; whip: https:// or http:// */
  url?: string;
  /** rtmp: key, when it is not the last part of the address; whip: Bearer token */
  key?: string;
  /** rtmp and whip: take a certificate that nobody vouches for */
  insecure?: boolean;
  /** livekit: default the camera */
  room?: string;
  /** livekit: default whip, without transcoding there */
  via?: "whip" | "rtmp";
  /** default auto */
  sound?: "auto" | "camera" | "silent" | "none";
  /** default: the camera's id and the time */
  title?: string;
  description?: string;
  /** default private */
  privacy?: "private" | "unlisted" | "public";
  /** default false */
  made_for_kids?: boolean;
  /** default low */
  latency?: "normal" | "low" | "ultraLow";
  /** viewers may go back; default true */
  dvr?: boolean;
  scheduled_at?: string;
  /** the product that the video belongs to */
  product_id?: number;
  /** rtmp, youtube: default the device that has the camera; server: its picture comes here first */
  pushed_by?: "device" | "server";
};

export type StreamList = {
  items: StreamRecord[];
  /** null at the end */
  next: string | null;
};

export type StreamPatch = {
  /** its id from now on; youtube and livekit take another one only while they are off */
  name?: string;
  /** rtmp, whip: another address; a key that was given apart goes on to the same host only */
  url?: string;
  /** rtmp, whip; null: none */
  key?: string | null;
  /** rtmp, whip */
  insecure?: boolean;
  /** null: as if it had never been given */
  room?: string | null;
  /** livekit: default whip, without transcoding there */
  via?: "whip" | "rtmp";
  /** rtmp, whip, livekit */
  sound?: "auto" | "camera" | "silent" | "none";
  /** null: as if it had never been given */
  title?: string | null;
  /** null: as if it had never been given */
  description?: string | null;
  /** default private */
  privacy?: "private" | "unlisted" | "public";
  /** default false */
  made_for_kids?: boolean;
  /** default low */
  latency?: "normal" | "low" | "ultraLow";
  /** viewers may go back; default true */
  dvr?: boolean;
  /** null: as if it had never been given */
  scheduled_at?: string | null;
  /** null: as if it had never been given */
  product_id?: number | null;
};

export type StreamRecord = {
  id: string;
  type: "hls" | "rtmp" | "whip" | "youtube" | "livekit";
  camera: string;
  state: "idle" | "connecting" | "live" | "stalled" | "waiting" | "failed";
  /** why it is not live, or what is special */
  reason: string | null;
  /** it comes back by itself, also after a restart */
  wanted: boolean;
  /** where it goes, without the key, or where it is watched */
  url: string | null;
  made_by: string;
  /** null: a flow has declared it, and it was never switched by hand */
  created_at: string | null;
  settings: StreamSettings;
  /** when the state began */
  since: string | null;
  retry_at: string | null;
  bytes: number;
  bits_per_second: number;
  uptime_s: number;
  restarts: number;
  /** pictures left out because the other side is slower */
  discarded: number;
  viewers: number | null;
  /** who sends it; null while nothing is sent anywhere (hls, a broadcast that has not begun) */
  pushed_by: "device" | "server" | null;
};

export type StreamSettings = {
  insecure?: boolean;
  /** livekit: default the camera */
  room?: string;
  /** livekit: default whip, without transcoding there */
  via?: "whip" | "rtmp";
  /** default auto */
  sound?: "auto" | "camera" | "silent" | "none";
  /** default: the camera's id and the time */
  title?: string;
  description?: string;
  /** default private */
  privacy?: "private" | "unlisted" | "public";
  /** default false */
  made_for_kids?: boolean;
  /** default low */
  latency?: "normal" | "low" | "ultraLow";
  /** viewers may go back; default true */
  dvr?: boolean;
  scheduled_at?: string;
  /** the product that the video belongs to */
  product_id?: number;
};

export type StreamTokenAnswer = {
  token: string;
  expires_at: string;
};

export type TokenWish = {
  room: string;
  identity?: string;
};

export type UserAccount = {
  id: number;
  name: string;
  email: string | null;
  role: "admin" | "operator" | "viewer";
  /** ids of the cameras they may see; null: all */
  cameras: string[] | null;
  may_edit_flows: boolean;
  must_change_password: boolean;
  long_token: boolean;
  disabled: boolean;
  /** how many they have */
  app_passwords: number;
  /** shown once, when it was made up */
  password?: string;
};

export type UserAccountPage = {
  items: UserAccount[];
  /** null at the end */
  next: string | null;
};

export type UserCreate = {
  name: string;
  email?: string | null;
  role: "admin" | "operator" | "viewer";
  /** ids of the cameras they may see; null: all */
  cameras?: string[] | null;
  /** flows are code; an admin may always */
  may_edit_flows?: boolean;
  /** tokens of 12 h, for clients that cannot refresh */
  long_token?: boolean;
  password?: string;
  /** before anything else is answered; default: only where the password is made up or reset */
  must_change_password?: boolean;
};

export type UserPatch = {
  email?: string | null;
  role?: "admin" | "operator" | "viewer";
  /** ids of the cameras they may see; null: all */
  cameras?: string[] | null;
  may_edit_flows?: boolean;
  long_token?: boolean;
  disabled?: boolean;
  /** a reset: their sessions end */
  password?: string;
  /** with a password; default: yes */
  must_change_password?: boolean;
};

export type UserRecord = {
  id: number;
  name: string;
  email: string | null;
  role: "admin" | "operator" | "viewer";
  /** ids of the cameras they may see; null: all */
  cameras: string[] | null;
  may_edit_flows: boolean;
  must_change_password: boolean;
};

export type VideoList = VideoRecordPage | {
  data: VideoRecord[];
  pagination: Pagination;
};

export type VideoRecord = {
  id: number;
  url: string;
  title: string | null;
  description: string | null;
  camera: string | null;
  product_id: number | null;
  user_id: number | null;
  youtube_id: string | null;
  metadata: Record<string, unknown>;
  started_at: string | null;
  ended_at: string | null;
  created_at: string;
  updated_at: string;
};

export type VideoRecordPage = {
  items: VideoRecord[];
  /** null at the end */
  next: string | null;
};

export type YoutubeLogin = {
  url: string;
};

export type YoutubeStatus = {
  state: "not_set_up" | "not_connected" | "connected" | "revoked";
  account: string | null;
  reason: string | null;
  /** of the quota of the YouTube API, as far as this process used them */
  units_today: number;
  units_limit: number;
};
