import type { CameraRecord } from '../contracts/api.ts';
import { CameraSettings, type CameraSettingsChange, type CameraStatus } from '../contracts/cameras.ts';
import type { DeviceHost } from '../contracts/commands.ts';
import { AppError } from '../contracts/errors.ts';
import type { CameraSettingsAnswer, CameraStatusAnswer } from '../contracts/gallery.ts';
import type { CameraHost, Clock, Log, Release } from '../contracts/host.ts';
import { SERVER_DEVICE } from '../contracts/ids.ts';
import type { Actor, CommandService, FleetService } from '../contracts/services.ts';
import type { Part } from '../lib/part.ts';
import { parser } from '../lib/validate.ts';
import { inSeedWords, unavailable } from './captures.ts';

/** Somebody at the camera may have changed it: so long an answer is given without asking again. */
const FRESH_MS = 30_000;
/** When a thousand devices come back together, what is fetched ahead must not stand before credentials and frames. */
const AHEAD_EVERY_MS = 100;

export interface CameraControlOptions {
  cameras: Pick<CameraHost, 'list' | 'settings' | 'applySettings' | 'watch'>;
  commands: Pick<CommandService, 'request'>;
  fleet: Pick<FleetService, 'cameras' | 'camera' | 'device'> & {
    onPresence(listener: (device: string, isThere: boolean) => void): Release;
    onCamerasChanged(listener: () => void): Release;
    readonly words: Pick<DeviceHost, 'watch'>;
  };
  /** whether the camera's stream runs at the server */
  isStreaming: (camera: string) => boolean;
  timeoutMs: number;
  clock: Clock;
  log: Log;
}

interface Known {
  at: number;
  settings: CameraSettings;
  /** at its device, if it has one */
  streaming: boolean;
}

const parseSettings = parser(CameraSettings);

/**
 * Settings and state of cameras, those of devices too. Settings are fetched when the server starts or a device names its cameras, and answered from memory;
 * an answer older than 30 s is given once more while a new one is fetched.
 */
export class CameraControl implements Part {
  readonly #options: CameraControlOptions;
  readonly #known = new Map<string, Known>();
  readonly #fetching = new Map<string, Promise<Known>>();
  /** cameras and their devices, as they are in the register */
  #records = new Map<string, CameraRecord>();
  #releases: Release[] = [];
  /** devices whose settings are to be fetched ahead, and the rest until the next one's turn */
  readonly #ahead = new Set<string>();
  #pause: (() => void) | undefined;

  constructor(options: CameraControlOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { cameras, fleet } = this.#options;
    this.#releases = [
      cameras.watch((camera) => this.#forget(camera)),
      fleet.onCamerasChanged(() => this.#forgetRecords()),
      // What was known of a device that is gone may be otherwise when it is back.
      fleet.onPresence((device, isThere) => {
        if (!isThere) this.#forgetDevice(device);
      }),
      fleet.words.watch({ kinds: ['info'] }, (word) => {
        if (word.kind !== 'info') return;
        this.#forgetDevice(word.device);
        // The first word of a device that starts names none: what drives its cameras does not run yet, and would only complain.
        const { cameras: named } = word.info;
        if (Array.isArray(named) && named.length > 0) this.#warmSoon(word.device);
      }),
    ];
    // Nobody waits for it: a camera that does not answer must not hold up the start.
    this.#warmNow(SERVER_DEVICE);
  }

  async stop(): Promise<void> {
    for (const release of this.#releases) release();
    this.#releases = [];
    this.#pause?.();
    this.#pause = undefined;
    this.#ahead.clear();
    await Promise.allSettled(this.#fetching.values());
  }

  /** Throws `camera.not_found`; from memory when the register was not changed. */
  async record(camera: string): Promise<CameraRecord> {
    const known = this.#records.get(camera);
    if (known) return known;
    const record = await this.#options.fleet.camera(camera);
    this.#records.set(camera, record);
    return record;
  }

  /** `fresh`: not from memory. Throws `camera.unreachable`, `camera.no_picture`. */
  async settings(camera: string, { fresh = false } = {}): Promise<CameraSettingsAnswer> {
    const record = await this.record(camera);
    if (fresh) return this.#answer(record, await this.#fetch(record));
    const known = this.#known.get(camera);
    const isFresh = known && this.#options.clock.monotonicMs() - known.at < FRESH_MS;
    if (known && !isFresh) this.#fetch(record).catch(() => this.#known.delete(camera));
    return this.#answer(record, known ?? (await this.#fetch(record)));
  }

  /** Throws `camera.setting_invalid` besides. */
  async apply(camera: string, change: CameraSettingsChange, actor: Actor): Promise<CameraSettingsAnswer> {
    const record = await this.record(camera);
    const changed = await this.#ask(record, change, actor);
    this.#known.set(camera, changed);
    return this.#answer(record, changed);
  }

  async status(camera: string): Promise<CameraStatusAnswer> {
    const { fleet, isStreaming } = this.#options;
    const record = await fleet.camera(camera);
    const own = this.#own(camera);
    const reason = record.device === SERVER_DEVICE ? own?.reason : await this.#troubleOfDevice(record.device);
    const isAway = record.device === SERVER_DEVICE ? !own || own.state === 'failed' : reason !== undefined;
    return {
      id: camera,
      device: record.device,
      driver: own?.driver ?? record.driver,
      state: own?.state ?? record.state,
      connected: !isAway && record.state !== 'failed',
      streaming: isStreaming(camera) || (this.#known.get(camera)?.streaming ?? false),
      last_frame: own?.lastFrameAt === undefined ? record.last_frame : new Date(own.lastFrameAt).toISOString(),
      reason: reason ?? null,
      code: null,
      remote: null,
    };
  }

  #answer(record: CameraRecord, { settings, streaming }: Known): CameraSettingsAnswer {
    const own = this.#own(record.id);
    return {
      ...settings,
      connected: record.device !== SERVER_DEVICE || (own !== undefined && own.state !== 'failed'),
      streaming: streaming || this.#options.isStreaming(record.id),
    };
  }

  #fetch(record: CameraRecord): Promise<Known> {
    const { id } = record;
    const running = this.#fetching.get(id);
    if (running) return running;
    const fetching = this.#ask(record)
      .then((known) => {
        // A change or a new address in between has made it old already.
        if (this.#fetching.get(id) === fetching) this.#known.set(id, known);
        return known;
      })
      .finally(() => {
        if (this.#fetching.get(id) === fetching) this.#fetching.delete(id);
      });
    this.#fetching.set(id, fetching);
    return fetching;
  }

  async #ask({ id, device }: CameraRecord, change?: CameraSettingsChange, actor?: Actor): Promise<Known> {
    const { clock } = this.#options;
    try {
      const work = device === SERVER_DEVICE ? this.#askOwn(id, change) : this.#askDevice(device, id, change, actor);
      if (change) this.#fetching.delete(id);
      const found = await this.#inTime(work);
      return { at: clock.monotonicMs(), ...found };
    } catch (error) {
      throw inSeedWords(error);
    }
  }

  async #askOwn(camera: string, change?: CameraSettingsChange): Promise<Omit<Known, 'at'>> {
    const { cameras } = this.#options;
    const settings = change ? await cameras.applySettings(camera, change) : await cameras.settings(camera);
    return { settings, streaming: false };
  }

  async #askDevice(
    device: string,
    camera: string,
    change?: CameraSettingsChange,
    actor?: Actor,
  ): Promise<Omit<Known, 'at'>> {
    const { commands, timeoutMs } = this.#options;
    const args = { camera, ...(change && { change }) };
    const data = await commands.request(device, 'camera-settings', args, { timeoutMs, ...(actor && { actor }) });
    const { settings, streaming } = (data ?? {}) as { settings?: unknown; streaming?: unknown };
    return { settings: parseSettings(settings), streaming: streaming === true };
  }

  async #inTime<T>(work: Promise<T>): Promise<T> {
    const { clock, timeoutMs } = this.#options;
    let cancel = () => {};
    const late = new Promise<never>((_resolve, reject) => {
      cancel = clock.after(timeoutMs, () => reject(unavailable(`no answer within ${timeoutMs / 1000} s`)));
    });
    return Promise.race([work, late]).finally(cancel);
  }

  #own(camera: string): CameraStatus | undefined {
    return this.#options.cameras.list().find(({ id }) => id === camera);
  }

  async #troubleOfDevice(device: string): Promise<string | undefined> {
    try {
      const { state, disabled } = await this.#options.fleet.device(device);
      return disabled ? 'its device is disabled' : state === 'offline' ? 'its device is offline' : undefined;
    } catch (error) {
      if (error instanceof AppError && error.code === 'device.not_found') return 'its device is gone';
      throw error;
    }
  }

  #forget(camera: string): void {
    this.#known.delete(camera);
    this.#fetching.delete(camera);
  }

  #forgetRecords(): void {
    this.#records = new Map();
  }

  #forgetDevice(device: string): void {
    for (const { id } of [...this.#records.values()].filter((record) => record.device === device)) this.#forget(id);
    this.#forgetRecords();
  }

  /** The first one at once, others at a walk. */
  #warmSoon(device: string): void {
    this.#ahead.add(device);
    if (!this.#pause) this.#warmNext();
  }

  #warmNext(): void {
    this.#pause = undefined;
    const [device] = this.#ahead;
    if (device === undefined) return;
    this.#ahead.delete(device);
    this.#pause = this.#options.clock.after(AHEAD_EVERY_MS, () => this.#warmNext());
    this.#warmNow(device);
  }

  #warmNow(device: string): void {
    this.#warm(device).catch((error) =>
      this.#options.log.warn('settings of cameras could not be fetched ahead', { device, error }),
    );
  }

  async #warm(device: string): Promise<void> {
    const { fleet, log } = this.#options;
    for (const record of await fleet.cameras(device)) {
      // One that does not answer is asked again by whoever wants to know.
      await this.#fetch(record).catch((error) => log.debug('settings not fetched ahead', { camera: record.id, error }));
    }
  }
}
