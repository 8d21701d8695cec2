import type { CameraSettingsChange } from '../../../contracts/cameras.ts';
import { AppError, toAppError } from '../../../contracts/errors.ts';
import type { CameraUrl } from '../../camera-url.ts';
import { RestartPause } from '../../restart-pause.ts';
import { createGradient, GRADIENT_LAP_MS } from '../../sim/gradient.ts';
import type { Scene } from '../../sim/scene.ts';
import { createShelf } from '../../sim/shelf.ts';
import { SHELF_CYCLE_MS } from '../../sim/shelf-timetable.ts';
import { litScene, tunedSim } from '../../sim/sim-settings.ts';
import { LoopFile } from '../loop-file.ts';
import type { SourceParts } from '../process-source.ts';
import { SimLoop } from '../sim-loop.ts';
import type { SourceSink, StreamSource } from '../stream-source.ts';

/** The shelf's two minutes are held in memory: more pictures a second would only make that larger. */
const SHELF_FPS = 15;
/** The encoder runs so far ahead of what is shown. */
const AHEAD_MS = 1500;
const GROUP_MS = 1000;
/** A machine that encodes slower than real time has the scene play slower, rather than ever later. */
const MOST_LATE_MS = 2000;

type SimUrl = CameraUrl & { kind: 'sim' };
type SimParts = SourceParts & {
  ffmpegPath: string;
  settings?: CameraSettingsChange;
  /** where encoded loops outlive the process; without it they do not */
  cacheFolder?: string | undefined;
};

interface Run {
  sink: SourceSink;
  cancel: AbortController;
  /** monotonic ms at which picture 0 of the present lap was due */
  zeroMs: number;
  /** number of the next picture, counted through all laps */
  next: number;
  /** the parameter sets that were told */
  told: Buffer[] | undefined;
  cancelTick(): void;
}

/**
 * A built-in scene: encoded once while it is first seen, then looped from memory with no encoder running. What shows at an epoch
 * time is what the scene's stills show at that place of its cycle; the gradient's counter counts within its lap of 8 s.
 */
export class SimSource implements StreamSource {
  readonly #url: SimUrl;
  readonly #parts: SimParts;
  readonly #loop: SimLoop;
  readonly #pause: RestartPause;
  readonly #file: LoopFile | undefined;
  /** pictures in the file; undefined before it was looked for */
  #filed: number | undefined;
  #run: Run | undefined;
  /** drawing its layers takes a moment; kept until the loop is whole */
  #scene: Promise<Scene> | undefined;
  #working: Promise<void> = Promise.resolve();
  #cancelPause = () => {};

  constructor(address: SimUrl, parts: SimParts) {
    const url = tunedSim(address, parts.settings ?? {});
    this.#url = url;
    this.#parts = parts;
    this.#pause = new RestartPause(parts.random);
    const fps = url.scene === 'shelf' ? Math.min(url.fps, SHELF_FPS) : url.fps;
    const cycleMs = url.scene === 'shelf' ? SHELF_CYCLE_MS : GRADIENT_LAP_MS;
    const pictures = Math.max(1, Math.round((cycleMs * fps) / 1000));
    const group = Math.max(1, Math.floor((fps * GROUP_MS) / 1000));
    const shape = { width: url.width, height: url.height, fps, pictures, group };
    this.#loop = new SimLoop(shape, parts.ffmpegPath);
    const { exposure, gain } = parts.settings ?? {};
    const { cacheFolder: folder, log } = parts;
    this.#file = folder ? new LoopFile(folder, { ...shape, scene: url.scene, exposure, gain }, log) : undefined;
  }

  /** Whether everything is in memory: no encoder will run again. */
  get isWhole(): boolean {
    return this.#loop.isWhole;
  }

  start(sink: SourceSink): void {
    if (this.#run) return;
    this.#pause.reset();
    this.#begin(sink);
  }

  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    this.#cancelPause();
    run?.cancelTick();
    run?.cancel.abort();
    await this.#working;
    await this.#save();
  }

  #begin(sink: SourceSink): void {
    const { clock } = this.#parts;
    const { fps, pictures } = this.#loop.shape;
    const intoMs = clock.now() % ((pictures * 1000) / fps);
    // With the group that is on now: its key frame is up to a second old, as with any camera.
    const next = this.#loop.groupOf(Math.floor((intoMs * fps) / 1000) % pictures);
    const zeroMs = clock.monotonicMs() - intoMs;
    const run: Run = { sink, cancel: new AbortController(), zeroMs, next, told: undefined, cancelTick: () => {} };
    this.#run = run;
    sink.onRun();
    this.#working = this.#working.then(() => this.#fill(run, next));
    this.#tick(run);
  }

  /** Gets what is missing: from the file, the rest from the encoder. Never rejects. */
  async #fill(run: Run, next: number): Promise<void> {
    if (this.#file && this.#filed === undefined) {
      const kept = await this.#file.read();
      if (kept) this.#loop.restore(kept);
      this.#filed = this.#loop.held;
      this.#tick(run);
    }
    const from = this.#loop.firstMissing(next);
    if (from === undefined) return;
    await this.#encode(run, from, from + (from < next ? this.#loop.shape.pictures : 0));
    if (this.#loop.isWhole) await this.#save();
  }

  /** Never rejects. */
  async #save(): Promise<void> {
    if (this.#filed === undefined || this.#loop.held <= this.#filed) return;
    this.#filed = this.#loop.held;
    await this.#file?.write(this.#loop.keep());
  }

  /** Never rejects. `number` is that of picture `from`, counted as `run.next` is. */
  async #encode(run: Run, from: number, number: number): Promise<void> {
    const { signal } = run.cancel;
    let drawn = number;
    try {
      if (signal.aborted) return;
      this.#scene ??= this.#makeScene();
      const mayDraw = async () => {
        const earlyMs = this.#dueMs(run, drawn) - AHEAD_MS - this.#parts.clock.monotonicMs();
        drawn += 1;
        if (earlyMs > 0) await this.#parts.clock.sleep(earlyMs, signal);
      };
      await this.#loop.encode({ from, scene: this.#scene, mayDraw, onUnit: () => this.#tick(run), signal });
      if (!this.#loop.isWhole) throw new AppError('process.failed', 'the scene was not encoded to its end');
      this.#parts.log.debug('the scene is in memory', { bytes: this.#loop.bytes });
      this.#scene = undefined;
    } catch (thrown) {
      if (!signal.aborted) this.#scene = undefined;
      if (!signal.aborted) this.#fail(run, toAppError(thrown).message);
    }
  }

  async #makeScene(): Promise<Scene> {
    const { width, height, fps } = this.#loop.shape;
    const isShelf = this.#url.scene === 'shelf';
    const scene = isShelf ? await createShelf({ width, height }) : createGradient({ width, height, fps });
    return litScene(scene, this.#parts.settings ?? {});
  }

  #dueMs(run: Run, number: number): number {
    return run.zeroMs + (number * 1000) / this.#loop.shape.fps;
  }

  /** Shows what is due and encoded. Where the encoder is what is waited for, it calls again. */
  #tick(run: Run): void {
    if (this.#run !== run) return;
    run.cancelTick();
    const { clock } = this.#parts;
    const { fps, pictures } = this.#loop.shape;
    while (this.#run === run) {
      const lateMs = clock.monotonicMs() - this.#dueMs(run, run.next);
      if (lateMs < 0) {
        run.cancelTick = clock.after(-lateMs, () => this.#tick(run));
        return;
      }
      const unit = this.#loop.unit(run.next % pictures);
      if (!unit) return;
      if (lateMs > MOST_LATE_MS) run.zeroMs += lateMs;
      if (run.told !== this.#loop.sets) run.sink.onParameters(this.#loop.sets);
      run.told = this.#loop.sets;
      const ms = (run.next * 1000) / fps;
      run.next += 1;
      run.sink.onUnit({ ...unit, dts: ms, pts: ms });
    }
  }

  #fail(run: Run, reason: string): void {
    if (this.#run !== run) return;
    run.cancelTick();
    run.cancel.abort();
    this.#cancelPause = this.#parts.clock.after(this.#pause.next(), () => this.#begin(run.sink));
    run.sink.onLost(reason);
  }
}
