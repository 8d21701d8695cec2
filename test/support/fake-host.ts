import type { ApiAnswer, ApiRequest } from '../../runtime/contracts/api-host.ts';
import type {
  CameraSettings,
  CameraSettingsChange,
  CameraStatus,
  CaptureOptions,
} from '../../runtime/contracts/cameras.ts';
import type { CommandRecord, CommandUpdate, DeviceWord, DeviceWordKind } from '../../runtime/contracts/commands.ts';
import type { DetectionReport } from '../../runtime/contracts/detection.ts';
import type { ServedConfig } from '../../runtime/contracts/device-config.ts';
import { defaultDeviceConfig, withMilliseconds } from '../../runtime/contracts/device-config.ts';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { EventMessage, ImageRole } from '../../runtime/contracts/events.ts';
import type { FrameInfo, Still } from '../../runtime/contracts/frame.ts';
import type { DetectionMemory, Host, Log, StoredFrame, UploadStatus } from '../../runtime/contracts/host.ts';
import type { JobHandle } from '../../runtime/contracts/jobs.ts';
import type { LiveOutputKind, LiveOutputStatus } from '../../runtime/contracts/live.ts';
import type { Side } from '../../runtime/contracts/node-types.ts';
import type { PublisherHealth, PushHost, PushSpec, PushStatus } from '../../runtime/contracts/pushes.ts';
import type { RetentionReport, RetentionWork } from '../../runtime/contracts/retention.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { FakeBroadcasts } from './fake-broadcasts.ts';
import { FakeRooms } from './fake-rooms.ts';

/** A real JPEG of 64 x 48. */
export const TINY_JPEG = Buffer.from(
  '/9j/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAwAEADASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFgEBAQEAAAAAAAAAAAAAAAAAAAME/8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAwDAQACEQMRAD8AlAZUwAAAAAAAAAAAAAAAAAAAAAH/2Q==',
  'base64',
);

/** A stored frame with sensible values. */
export function storedFrame(change: Partial<StoredFrame> = {}): StoredFrame {
  const at = Date.UTC(2026, 10, 20, 12, 0, 0);
  return {
    id: '0193491c-6c00-7000-8000-000000000001',
    device: 'demo-pi',
    camera: 'gate',
    seq: 1,
    capturedAt: at,
    receivedAt: at + 50,
    width: 64,
    height: 48,
    jpegQuality: 40,
    ...change,
  };
}

/** A configuration as the server would serve it. */
export function servedConfig(change: Partial<Omit<ServedConfig, 'ok'>> = {}): ServedConfig {
  return {
    ok: true,
    device_id: 'demo-pi',
    version: 1,
    last_seq: -1,
    mode: 'baseline',
    burst_until: null,
    mqtt: { url: 'mqtt://127.0.0.1:1883', root: 'redeye/v1/home' },
    config: withMilliseconds(defaultDeviceConfig()),
    ...change,
  };
}

/**
 * A Host whose every part remembers what it was asked and does what the test says. `host` is what nodes get; the rest are the strings
 * to pull: `fake.jobs.offer(job, frame)`, `fake.cameras.failing = new AppError(…)`, `fake.upload.spooled`.
 */
export class FakeHost {
  readonly host: Host;
  readonly cameras = new FakeCameras();
  readonly detection = new FakeDetection();
  readonly ingest = new FakeIngest();
  readonly jobs = new FakeJobs();
  readonly events = new FakeEvents();
  readonly retention = new FakeRetention();
  readonly commands = new FakeCommands();
  readonly devices = new FakeDevices();
  readonly upload = new FakeUpload();
  readonly config = new FakeConfig();
  readonly live = new FakeLive(this.cameras);
  readonly api = new FakeApi();
  readonly pushes = new FakePushes(this.cameras);
  readonly broadcasts = new FakeBroadcasts();
  readonly rooms = new FakeRooms();

  constructor(options: { side?: Side; device?: string; clock?: Host['clock']; log?: Log } = {}) {
    const side = options.side ?? 'server';
    const both = {
      side,
      device: options.device ?? (side === 'server' ? 'server' : 'demo-pi'),
      clock: options.clock ?? systemClock,
      log: options.log ?? silentLog,
      cameras: this.cameras,
      detection: this.detection,
    };
    this.host =
      side === 'server'
        ? {
            ...both,
            ingest: this.ingest,
            jobs: this.jobs,
            events: this.events,
            retention: this.retention,
            config: this.config,
            live: this.live,
            commands: this.commands,
            devices: this.devices,
            api: this.api,
            pushes: this.pushes,
            broadcasts: this.broadcasts,
            rooms: this.rooms,
          }
        : { ...both, upload: this.upload, config: this.config, api: this.api, pushes: this.pushes };
  }
}

class FakeCameras {
  #ids = ['gate'];
  readonly #watchers = new Set<(camera: string) => void>();
  readonly declared = new Map<string, string>();
  readonly captured: { camera: string; options: CaptureOptions | undefined }[] = [];
  /** thrown by `capture` while set */
  failing: Error | undefined;
  /** cameras of which `capture` never resolves */
  readonly hanging = new Set<string>();
  jpeg: Buffer = TINY_JPEG;
  /** how every camera is set; `applySettings` writes into it */
  set: CameraSettings = {
    exposure: 100,
    gain: 1,
    resolution: { width: 1280, height: 720 },
    fps: 30,
    ranges: { exposure: { min: 1, max: 1000 }, gain: { min: 0.1, max: 16 }, fps: { min: 1, max: 60 } },
    available_resolutions: [
      { width: 640, height: 480 },
      { width: 1280, height: 720 },
    ],
  };
  readonly applied: { camera: string; change: CameraSettingsChange }[] = [];

  get ids(): string[] {
    return this.#ids;
  }

  /** The register changes. */
  set ids(ids: string[]) {
    this.#ids = ids;
    for (const watcher of this.#watchers) watcher(ids[0] ?? '');
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  list(): CameraStatus[] {
    const common = { driver: 'sim', state: 'live' } as const;
    return [
      ...this.ids.map((id) => ({ id, ...common })),
      ...[...this.declared.keys()].map((id) => ({ id, ...common, byFlow: true as const })),
    ];
  }

  watch(onChange: (camera: string) => void) {
    this.#watchers.add(onChange);
    return () => {
      this.#watchers.delete(onChange);
    };
  }

  resolve(camera: string): string {
    const known = this.list().map(({ id }) => id);
    const found = camera === '' ? known[0] : known.find((id) => id === camera);
    if (found === undefined) throw new AppError('camera.not_found', `there is no camera ${camera}`, { camera });
    return found;
  }

  declare(camera: { id: string; url: string }) {
    this.declared.set(camera.id, camera.url);
    return () => {
      this.declared.delete(camera.id);
    };
  }

  async settings(camera: string): Promise<CameraSettings> {
    this.resolve(camera);
    if (this.failing) throw this.failing;
    return this.set;
  }

  async applySettings(camera: string, change: CameraSettingsChange): Promise<CameraSettings> {
    this.resolve(camera);
    if (this.failing) throw this.failing;
    this.applied.push({ camera, change });
    this.set = { ...this.set, ...change };
    return this.set;
  }

  async capture(camera: string, options?: CaptureOptions): Promise<Still> {
    this.captured.push({ camera, options });
    if (this.failing) throw this.failing;
    if (this.hanging.has(camera)) await new Promise(() => undefined);
    return {
      jpeg: this.jpeg,
      camera,
      capturedAt: Date.now(),
      width: 64,
      height: 48,
      jpegQuality: options?.jpegQuality ?? 80,
    };
  }
}

class FakeDetection {
  readonly jobs: { job: JobHandle; frame: StoredFrame; jpeg: Buffer; flow: string }[] = [];
  readonly frames: { frame: FrameInfo; jpeg: Buffer; memory: DetectionMemory }[] = [];
  failing: Error | undefined;
  /** what every comparison finds, over a quiet picture */
  finds: Partial<DetectionReport> = {};

  async compareJob(job: JobHandle, frame: StoredFrame, jpeg: Buffer, by: { flow: string }): Promise<DetectionReport> {
    this.jobs.push({ job, frame, jpeg, flow: by.flow });
    return this.#report(frame);
  }

  async compareFrame(frame: FrameInfo, jpeg: Buffer, memory: DetectionMemory): Promise<DetectionReport> {
    this.frames.push({ frame, jpeg, memory });
    return this.#report(frame);
  }

  #report(frame: FrameInfo): DetectionReport {
    if (this.failing) throw this.failing;
    const roi = { name: 'frame', score: 0.01, threshold: 0.08, active: false };
    return { camera: frame.camera, at: frame.capturedAt, decision: 'quiet', rois: [roi], events: [], ...this.finds };
  }
}

type Taker = Parameters<NonNullable<Host['ingest']>['attach']>[0];

class FakeIngest {
  readonly takers = new Set<Taker>();
  readonly stored: Still[] = [];
  /** thrown by `store` while set */
  failing: Error | undefined;

  /** Stores and tells whoever takes the server's frames. */
  async store(still: Still): Promise<{ id: string; seq: number }> {
    if (this.failing) throw this.failing;
    this.stored.push(still);
    const { camera, capturedAt, width, height, jpegQuality } = still;
    const frame = storedFrame({
      device: 'server',
      camera,
      capturedAt,
      width,
      height,
      jpegQuality,
      seq: this.stored.length,
    });
    this.arrive(frame);
    return { id: frame.id, seq: frame.seq };
  }

  attach(taker: Taker) {
    this.takers.add(taker);
    return () => {
      this.takers.delete(taker);
    };
  }

  /** A frame has been stored. */
  arrive(frame: StoredFrame = storedFrame()): void {
    for (const taker of this.takers) {
      const takes =
        (!taker.camera || taker.camera === frame.camera) && (!taker.device || taker.device === frame.device);
      if (takes) taker.onFrame(frame);
    }
  }
}

type Worker = {
  options: { camera?: string; concurrency: number };
  onJob: (job: JobHandle, frame: StoredFrame, jpeg: Buffer) => void;
};

class FakeJobs {
  readonly workers = new Set<Worker>();
  readonly finished: JobHandle[] = [];
  readonly failed: { job: JobHandle; error: Error }[] = [];
  answer: 'done' | 'gone' = 'done';

  work(options: Worker['options'], onJob: Worker['onJob']) {
    const worker = { options, onJob };
    this.workers.add(worker);
    return () => {
      this.workers.delete(worker);
    };
  }

  async done(job: JobHandle): Promise<'done' | 'gone'> {
    this.finished.push(job);
    return this.answer;
  }

  async fail(job: JobHandle, error: Error): Promise<void> {
    this.failed.push({ job, error });
  }

  /** Puts a job into the hands of every worker that takes its camera. */
  offer(change: Partial<JobHandle> = {}, frame: StoredFrame = storedFrame(), jpeg: Buffer = TINY_JPEG): JobHandle {
    const job = { id: 1, camera: frame.camera, seq: frame.seq, attempt: 1, epoch: 1, ...change };
    for (const { options, onJob } of this.workers) {
      if (!options.camera || options.camera === job.camera) onJob(job, frame, jpeg);
    }
    return job;
  }
}

type Subscriber = {
  filter: { types?: string[]; camera?: string; phase?: string };
  onEvent: (message: EventMessage) => void;
};

class FakeEvents {
  readonly subscribers = new Set<Subscriber>();
  /** `<event>/<role>` → bytes */
  readonly images = new Map<string, Buffer>();

  subscribe(filter: Subscriber['filter'], onEvent: Subscriber['onEvent']) {
    const subscriber = { filter, onEvent };
    this.subscribers.add(subscriber);
    return () => {
      this.subscribers.delete(subscriber);
    };
  }

  async image(event: string, role: ImageRole): Promise<Buffer | undefined> {
    return this.images.get(`${event}/${role}`);
  }

  /** An event goes out to those whose filter fits. */
  publish(message: EventMessage): void {
    for (const { filter, onEvent } of this.subscribers) {
      if (filter.types && filter.types.length > 0 && !filter.types.includes(message.event.type)) continue;
      if (filter.camera && filter.camera !== message.event.camera) continue;
      if (filter.phase && filter.phase !== message.phase) continue;
      onEvent(message);
    }
  }
}

class FakeCommands {
  readonly ran: { device: string; name: string; args: Record<string, unknown>; ttlMs: number }[] = [];
  /** words on the way, then how it ends */
  progress: unknown[] = [];
  ends: Partial<CommandRecord> = { state: 'done', data: { well: true } };

  async run(
    command: FakeCommands['ran'][number],
    options: { onUpdate?: (update: CommandUpdate) => void } = {},
  ): Promise<CommandRecord> {
    this.ran.push(command);
    const { device, name, args } = command;
    const at = '2026-11-20T12:00:00.000Z';
    for (const progress of this.progress) options.onUpdate?.({ id: 'c1', device, state: 'accepted', progress });
    return {
      id: 'c1',
      device,
      name,
      args,
      state: 'done',
      issued_at: at,
      expires_at: at,
      sent_at: at,
      finished_at: at,
      data: null,
      code: null,
      error: null,
      actor: 'flow',
      progress: this.progress,
      ...this.ends,
    };
  }
}

class FakeDevices {
  readonly watchers = new Set<{ device?: string; kinds?: DeviceWordKind[]; onWord: (word: DeviceWord) => void }>();

  watch(filter: { device?: string; kinds?: DeviceWordKind[] }, onWord: (word: DeviceWord) => void) {
    const watcher = { ...filter, onWord };
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
    };
  }

  say(word: DeviceWord): void {
    for (const { device, kinds, onWord } of this.watchers)
      if ((device ?? word.device) === word.device && (kinds?.includes(word.kind) ?? true)) onWord(word);
  }
}

class FakeRetention {
  readonly runs: { dryRun: boolean; work: RetentionWork }[] = [];
  failing: Error | undefined;
  /** what every run reports, over one that found nothing */
  finds: Partial<RetentionReport> = {};

  async run(options: { dryRun: boolean; work: RetentionWork }): Promise<RetentionReport> {
    this.runs.push(options);
    if (this.failing) throw this.failing;
    return {
      dry_run: options.dryRun,
      work: options.work,
      asked_by: 'flow',
      state: 'done',
      started_at: '2026-11-20T03:30:00.000Z',
      finished_at: '2026-11-20T03:30:01.000Z',
      deleted: {
        captures: 120,
        segments: 2,
        segment_bytes: 128_000_000,
        events: 3,
        event_images: 12,
        event_image_bytes: 1_000_000,
        orphans: 0,
        orphan_bytes: 0,
        tokens: 0,
        jobs: 0,
      },
      unfinished: { bytes: 0, cap_bytes: 10e9, deleted_captures: 0 },
      notes: [],
      ...this.finds,
    };
  }
}

class FakeUpload {
  readonly spooled: Still[] = [];
  failing: Error | undefined;
  current: UploadStatus = { state: 'idle', frames: 0, bytes: 0, sent: 0, rejected: 0, dropped: 0 };
  readonly #watchers = new Set<(status: UploadStatus) => void>();

  async spool(still: Still): Promise<{ seq: number }> {
    if (this.failing) throw this.failing;
    this.spooled.push(still);
    return { seq: this.spooled.length };
  }

  status(): UploadStatus {
    return this.current;
  }

  watch(onChange: (status: UploadStatus) => void) {
    this.#watchers.add(onChange);
    return () => {
      this.#watchers.delete(onChange);
    };
  }

  /** The upload's state changes. */
  change(status: Partial<UploadStatus>): void {
    this.current = { ...this.current, ...status };
    for (const watcher of this.#watchers) watcher(this.current);
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}

/** Answers the product API by `METHOD /path`; what has no answer is 404 as there. */
class FakeApi {
  dialectCamera: string | undefined;
  basePath = '';
  readonly asked: { request: ApiRequest; askedBy: unknown }[] = [];
  readonly answers = new Map<string, Partial<ApiAnswer> | ((request: ApiRequest) => Partial<ApiAnswer>)>();

  async call(request: ApiRequest, askedBy: unknown): Promise<ApiAnswer> {
    this.asked.push({ request, askedBy });
    const found = this.answers.get(`${request.method} ${request.path}`);
    const code = 'route.not_found';
    const missing = { status: 404, body: { statusCode: 404, error: 'Not Found', message: 'there is nothing', code } };
    return {
      status: 200,
      headers: {},
      body: undefined,
      ...(typeof found === 'function' ? found(request) : (found ?? missing)),
    };
  }
}

class FakeConfig {
  #current: ServedConfig | undefined;
  readonly #watchers = new Set<(config: ServedConfig) => void>();

  current(): ServedConfig | undefined {
    return this.#current;
  }

  watch(onChange: (config: ServedConfig) => void) {
    this.#watchers.add(onChange);
    return () => {
      this.#watchers.delete(onChange);
    };
  }

  /** A configuration arrives from the server. */
  serve(config: ServedConfig = servedConfig()): void {
    this.#current = config;
    for (const watcher of this.#watchers) watcher(config);
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}

class FakeLive {
  readonly #cameras: FakeCameras;
  readonly #watchers = new Set<{
    camera: string;
    kind: LiveOutputKind;
    onChange: (status: LiveOutputStatus) => void;
  }>();
  readonly #kept: string[] = [];
  #now: Partial<LiveOutputStatus> = {};

  constructor(cameras: FakeCameras) {
    this.#cameras = cameras;
  }

  status(camera: string, output: LiveOutputKind): LiveOutputStatus {
    const id = this.#cameras.resolve(camera);
    return { camera: id, output, state: 'idle', viewers: 0, path: `/api/v1/cameras/${id}/${output}`, ...this.#now };
  }

  watch(camera: string, kind: LiveOutputKind, onChange: (status: LiveOutputStatus) => void) {
    const watcher = { camera, kind, onChange };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  keepWarm(camera: string, kind: LiveOutputKind) {
    const key = `${this.#cameras.resolve(camera)} ${kind}`;
    this.#kept.push(key);
    let held = true;
    return () => {
      if (held) this.#kept.splice(this.#kept.indexOf(key), 1);
      held = false;
    };
  }

  /** All outputs change in this way. */
  change(now: Partial<LiveOutputStatus>): void {
    this.#now = { ...this.#now, ...now };
    for (const { camera, kind, onChange } of this.#watchers) onChange(this.status(camera, kind));
  }

  /** what is kept ready, as `gate hls` */
  kept(): string[] {
    return [...this.#kept];
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}

class FakePushes implements PushHost {
  readonly #cameras: FakeCameras;
  readonly specs = new Map<string, PushSpec>();
  readonly on = new Set<string>();
  readonly #watchers = new Set<{ name: string; onChange: (status: PushStatus) => void }>();
  readonly #held = new Map<string, number>();
  #now: Partial<PushStatus> = {};

  constructor(cameras: FakeCameras) {
    this.#cameras = cameras;
  }

  declare(spec: PushSpec, { started = false }: { started?: boolean } = {}) {
    if (started && !this.specs.has(spec.name)) this.on.add(spec.name);
    this.specs.set(spec.name, spec);
    this.#held.set(spec.name, (this.#held.get(spec.name) ?? 0) + 1);
    return () => void this.#held.set(spec.name, (this.#held.get(spec.name) ?? 0) - 1);
  }

  switchOn(name: string): PushStatus {
    this.on.add(name);
    return this.status(name);
  }

  switchOff(name: string): PushStatus {
    this.on.delete(name);
    return this.status(name);
  }

  forget(name: string): void {
    this.specs.delete(name);
    this.on.delete(name);
  }

  status(name: string): PushStatus {
    const spec = this.specs.get(name);
    if (!spec) throw new AppError('push.not_found', `there is no push ${JSON.stringify(name)} here`);
    const wanted = this.on.has(name);
    return {
      name,
      camera: this.#cameras.resolve(spec.camera),
      url: spec.url ?? '',
      state: wanted ? 'connecting' : 'idle',
      wanted,
      since: 0,
      bytes: 0,
      bitsPerSecond: 0,
      uptimeMs: 0,
      restarts: 0,
      discarded: 0,
      ...this.#now,
    };
  }

  list(): PushStatus[] {
    return [...this.specs.keys()].map((name) => this.status(name));
  }

  watch(name: string, onChange: (status: PushStatus) => void) {
    const watcher = { name, onChange };
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  health(): PublisherHealth {
    return { ts: 0, status: 'missing', detail: null, pid: 1 };
  }

  /** All pushes change in this way. */
  change(now: Partial<PushStatus>): void {
    this.#now = { ...this.#now, ...now };
    for (const { name, onChange } of [...this.#watchers]) onChange(this.status(name));
  }

  /** how many hold this one */
  held(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  get watchers(): number {
    return this.#watchers.size;
  }
}
