import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import type { CameraRecord, DeviceRecord } from '../contracts/api.ts';
import { AppError, toAppError } from '../contracts/errors.ts';
import type { RemoteView } from '../contracts/gallery.ts';
import type { Clock } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type {
  CameraTelemetry,
  LocalAccess,
  RemoteCamera,
  RemoteMode,
  RemoteStatus,
  RemoteStream,
} from '../contracts/remote-cameras.ts';
import { thermalBand } from '../contracts/thermal.ts';

/** Seed 000 §S0.28: how long a status counts, how long it may take, and how long telemetry counts (§2.1). */
const STATUS_FRESH_MS = 15_000;
const STATUS_TIMEOUT_MS = 2_000;
const TELEMETRY_FRESH_MS = 120_000;

const HAS_NO_PREVIEW = 'shows itself live by the routes of every camera';

export interface RemoteCamerasOptions {
  cameras: { remote?(camera: string): Promise<RemoteCamera | undefined> };
  fleet: { device(id: string): Promise<DeviceRecord> };
  clock: Clock;
}

interface Kept<T> {
  at: number;
  value: T;
}

/** Cameras that are computers of their own: what they say of themselves, asked seldom enough not to be a burden to them. */
export class RemoteCameras {
  readonly #options: RemoteCamerasOptions;
  readonly #views = new Map<string, Kept<RemoteView>>();
  readonly #telemetry = new Map<string, Kept<CameraTelemetry>>();

  constructor(options: RemoteCamerasOptions) {
    this.#options = options;
  }

  /** How it says that it is, or why it does not; undefined for a camera without an API of its own. Older than 15 s it is asked again. */
  async view({ id, device }: CameraRecord, isForced: boolean): Promise<RemoteView | undefined> {
    const remote = device === SERVER_DEVICE ? await this.#remote(id) : undefined;
    if (!remote) return undefined;
    const known = this.#views.get(id);
    if (known && !isForced && this.#age(known) < STATUS_FRESH_MS) return known.value;
    const value = await this.#ask(remote, known?.value.last_seen ?? null);
    this.#keep(this.#views, id, value);
    return value;
  }

  /** Throws as `RemoteCamera`; `camera.not_supported` for a camera that wakes and rests by itself. */
  async setMode(camera: CameraRecord, mode: RemoteMode | null): Promise<void> {
    const remote = await this.#mustHave(camera, 'wakes and rests by itself');
    this.#keep(this.#views, camera.id, this.#seen(await remote.setMode(mode)));
  }

  async localAccess(camera: CameraRecord): Promise<LocalAccess> {
    return (await this.#mustHave(camera, 'has no key for its own network')).localAccess();
  }

  /** Throws as `RemoteCamera`; `camera.not_supported` for a camera whose live picture is made here. */
  async startPreview(camera: CameraRecord): Promise<RemoteStream> {
    const remote = await this.#mustHave(camera, HAS_NO_PREVIEW);
    const stream = await remote.startPreview();
    this.#views.delete(camera.id);
    return stream;
  }

  async stopPreview(camera: CameraRecord): Promise<void> {
    const remote = await this.#mustHave(camera, HAS_NO_PREVIEW);
    this.#views.delete(camera.id);
    if (!(await remote.stopPreview())) throw new AppError('stream.not_found', 'the camera does not show itself live');
  }

  async previewFile(camera: CameraRecord, name: string, signal?: AbortSignal): Promise<Buffer> {
    const remote = await this.#mustHave(camera, HAS_NO_PREVIEW);
    const file = await remote.previewFile(name, signal);
    if (!file) throw new AppError('stream.gone', 'the camera has no such piece of a stream');
    return file;
  }

  /** Of the camera's own machine, else of the device or server that has it. */
  async telemetry({ id, device }: CameraRecord, isForced: boolean): Promise<CameraTelemetry> {
    if (device !== SERVER_DEVICE) return ofDevice(await this.#options.fleet.device(device));
    const remote = await this.#remote(id);
    if (!remote) return ofThisMachine(this.#options.clock.now());
    const known = this.#telemetry.get(id);
    if (known && !isForced && this.#age(known) < TELEMETRY_FRESH_MS) return known.value;
    const value = await remote.telemetry();
    this.#keep(this.#telemetry, id, value);
    return value;
  }

  /** It has another address, or is gone. */
  forget(camera: string): void {
    this.#views.delete(camera);
    this.#telemetry.delete(camera);
  }

  async #remote(camera: string): Promise<RemoteCamera | undefined> {
    try {
      return await this.#options.cameras.remote?.(camera);
    } catch (error) {
      // Not defined yet, or its address cannot be used: it has nothing of its own then.
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }

  async #mustHave({ id, device }: CameraRecord, otherwise: string): Promise<RemoteCamera> {
    const remote = device === SERVER_DEVICE ? await this.#remote(id) : undefined;
    if (!remote) throw new AppError('camera.not_supported', `this camera ${otherwise}`);
    return remote;
  }

  #seen(status: RemoteStatus): RemoteView {
    const last_seen = new Date(this.#options.clock.now()).toISOString();
    return { ...status, last_seen, code: null, reason: null };
  }

  async #ask(remote: RemoteCamera, lastSeen: string | null): Promise<RemoteView> {
    const { clock } = this.#options;
    const ending = new AbortController();
    const late = new AppError('camera.unreachable', `no answer within ${STATUS_TIMEOUT_MS / 1000} s`);
    const stopWaiting = clock.after(STATUS_TIMEOUT_MS, () => ending.abort(late));
    try {
      return this.#seen(await remote.status(ending.signal));
    } catch (thrown) {
      const { code, message, details } = toAppError(thrown);
      const reason = typeof details.reason === 'string' ? details.reason : message;
      return { mode: null, stream: null, last_seen: lastSeen, code, reason };
    } finally {
      stopWaiting();
    }
  }

  #age({ at }: Kept<unknown>): number {
    return this.#options.clock.monotonicMs() - at;
  }

  #keep<T>(where: Map<string, Kept<T>>, camera: string, value: T): void {
    where.set(camera, { at: this.#options.clock.monotonicMs(), value });
  }
}

/** What a device last said of itself in its heartbeat. */
function ofDevice({ health, last_seen }: DeviceRecord): CameraTelemetry {
  const said = (health ?? {}) as Record<string, unknown>;
  const number = (...names: string[]) =>
    names.map((name) => said[name]).find((value): value is number => typeof value === 'number') ?? null;
  const used = (total: unknown, free: unknown) =>
    typeof total === 'number' && typeof free === 'number' && total > 0 ? percent(1 - free / total) : null;
  const celsius = number('temperature_c', 'temp_c');
  return {
    timestamp: last_seen,
    cpu_temp_c: celsius,
    cpu_percent: number('cpu_percent', 'cpu'),
    mem_percent: number('mem_percent', 'memory_percent') ?? used(said.memory_total_mb, said.memory_available_mb),
    disk_percent: number('disk_percent') ?? used(said.disk_total_mb, said.disk_free_mb),
    ...NOBODY_WATCHES,
    thermal_state: thermalBand(celsius),
  };
}

function ofThisMachine(now: number): CameraTelemetry {
  const [load = 0] = loadavg();
  return {
    timestamp: new Date(now).toISOString(),
    cpu_temp_c: null,
    cpu_percent: Math.min(100, percent(load / availableParallelism())),
    mem_percent: percent(1 - freemem() / totalmem()),
    disk_percent: null,
    ...NOBODY_WATCHES,
    thermal_state: thermalBand(null),
  };
}

const NOBODY_WATCHES = { preview_fps: null, preview_sessions: 0, current_preview_size: null };

function percent(share: number): number {
  return Math.round(share * 1000) / 10;
}
