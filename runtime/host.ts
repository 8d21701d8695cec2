import type { ApiHost } from './contracts/api-host.ts';
import type { BroadcastHost } from './contracts/broadcasts.ts';
import type { CommandHost, DeviceHost } from './contracts/commands.ts';
import type { DetectionPlan, DetectionReport } from './contracts/detection.ts';
import { AppError } from './contracts/errors.ts';
import type {
  CameraHost,
  Clock,
  ConfigHost,
  DetectionHost,
  DetectionMemory,
  EventHost,
  Host,
  IngestHost,
  JobHost,
  LiveHost,
  Log,
  RetentionHost,
  StoredFrame,
} from './contracts/host.ts';
import { SERVER_DEVICE } from './contracts/ids.ts';
import type { JobHandle } from './contracts/jobs.ts';
import type { PushHost } from './contracts/pushes.ts';
import type { RoomHost } from './contracts/rooms.ts';
import type { EventsService, FleetService } from './contracts/services.ts';
import type { Db } from './db/db.ts';
import { loadDeltaState, saveDeltaState } from './db/delta-states.repo.ts';
import { decodeState, encodeState, STATE_VERSION } from './detect/codec.ts';
import { compare } from './detect/compare.ts';
import { planWithoutRois } from './detect/default-plan.ts';
import type { DetectionState } from './detect/state.ts';
import type { Events } from './events/events.ts';
import type { JobQueue } from './jobs/queue.ts';
import type { NewId } from './lib/ids.ts';
import { decodeGrey } from './picture/grey.ts';

export interface ServerHostParts {
  clock: Clock;
  log: Log;
  newId: NewId;
  db: Db;
  cameras: CameraHost;
  ingest: Pick<IngestHost, 'attach'>;
  /** what the server does as the device of its own cameras */
  own: { config: ConfigHost; store: IngestHost['store'] };
  live: LiveHost;
  commands: CommandHost;
  devices: DeviceHost;
  api?: ApiHost | undefined;
  pushes: PushHost;
  broadcasts?: BroadcastHost | undefined;
  rooms?: RoomHost | undefined;
  jobs: JobQueue;
  events: Events;
  retention: RetentionHost;
  fleet: Pick<FleetService, 'detectionPlan' | 'requestBurst'>;
}

/** The server's powers for nodes. */
export function createServerHost(parts: ServerHostParts): Host {
  return {
    side: 'server',
    device: SERVER_DEVICE,
    clock: parts.clock,
    log: parts.log,
    cameras: parts.cameras,
    ingest: { attach: (taker) => parts.ingest.attach(taker), store: parts.own.store },
    jobs: jobHost(parts.jobs),
    events: eventHost(parts.events),
    retention: parts.retention,
    config: parts.own.config,
    live: parts.live,
    commands: parts.commands,
    devices: parts.devices,
    ...(parts.api && { api: parts.api }),
    pushes: parts.pushes,
    ...(parts.broadcasts && { broadcasts: parts.broadcasts }),
    ...(parts.rooms && { rooms: parts.rooms }),
    detection: new Detection(parts),
  };
}

/** Runs comparisons, and commits those of jobs together with state and events (decision 0007). */
class Detection implements DetectionHost {
  readonly #parts: ServerHostParts;
  /** The last committed state per camera, good as long as this process holds the lane: its epoch is the one it was written under. */
  readonly #committed = new Map<string, { epoch: number; state: DetectionState }>();

  constructor(parts: ServerHostParts) {
    this.#parts = parts;
  }

  async compareJob(job: JobHandle, frame: StoredFrame, jpeg: Buffer, by: { flow: string }): Promise<DetectionReport> {
    const { jobs, events, fleet, newId } = this.#parts;
    const [plan, before, picture] = await Promise.all([
      fleet.detectionPlan(frame.camera),
      this.#stateOf(job),
      decodeGrey(jpeg),
    ]);
    const { state, report } = compare(before, picture, frame.capturedAt, frame.id, plan, newId);
    const images = report.events.length > 0 ? await events.prepareImages(report.events) : undefined;
    const outcome = await jobs.finish(job, async (q) => {
      await saveDeltaState(q, frame.camera, {
        version: STATE_VERSION,
        roiVersion: plan.roiVersion,
        state: Buffer.from(encodeState(state)),
        lastCapturedAt: frame.capturedAt,
      });
      if (images)
        await events.record(q, { device: frame.device, camera: frame.camera, flow: by.flow }, report.events, images);
    });
    if (outcome === 'gone') {
      this.#committed.delete(job.camera);
      throw new AppError(
        'job.lease_lost',
        `job ${job.id} of ${job.camera} was taken over meanwhile; nothing was written`,
      );
    }
    this.#committed.set(job.camera, { epoch: job.epoch, state });
    if (report.events.some((event) => event.phase === 'start' && event.type === 'interaction_detected')) {
      await fleet.requestBurst(frame.camera);
    }
    return report;
  }

  async compareFrame(
    frame: { camera: string; capturedAt: number; id?: string },
    jpeg: Buffer,
    memory: DetectionMemory,
  ): Promise<DetectionReport> {
    const [plan, picture] = await Promise.all([this.#planOf(frame.camera), decodeGrey(jpeg)]);
    const { state, report } = compare(
      memory.state as DetectionState | undefined,
      picture,
      frame.capturedAt,
      frame.id,
      plan,
      this.#parts.newId,
    );
    memory.state = state;
    return report;
  }

  async #stateOf(job: JobHandle): Promise<DetectionState | undefined> {
    const committed = this.#committed.get(job.camera);
    if (committed?.epoch === job.epoch) return committed.state;
    const stored = await loadDeltaState(this.#parts.db, job.camera);
    return stored && decodeState(stored.state);
  }

  /** A camera that only a flow knows has no ROIs: the whole picture is one. */
  async #planOf(camera: string): Promise<DetectionPlan> {
    try {
      return await this.#parts.fleet.detectionPlan(camera);
    } catch (error) {
      if (error instanceof AppError && error.code === 'camera.not_found') return planWithoutRois(camera);
      throw error;
    }
  }
}

function jobHost(jobs: JobQueue): JobHost {
  return { work: jobs.work, done: jobs.done, fail: jobs.fail };
}

function eventHost(events: EventsService): EventHost {
  return {
    subscribe: ({ types, camera, phase }, onEvent) =>
      events.subscribe((message) => {
        if (types && !types.includes(message.event.type)) return;
        if (camera !== undefined && message.event.camera !== camera) return;
        if (phase !== undefined && message.phase !== phase) return;
        onEvent(message);
      }),
    async image(event, role) {
      try {
        return await events.image(event, role);
      } catch (error) {
        if (error instanceof AppError && error.code === 'image.not_found') return undefined;
        throw error;
      }
    },
  };
}
