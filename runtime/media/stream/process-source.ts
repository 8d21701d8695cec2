import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import { type Ending, type Launch, type PipedProcess, startPipedProcess } from '../piped-process.ts';
import { RestartPause } from '../restart-pause.ts';
import { AnnexBParser } from './annexb-parser.ts';
import { FlvDemuxer } from './flv-demuxer.ts';
import { OpusParser } from './opus-parser.ts';
import type { RawSink, StreamParser } from './raw-unit.ts';
import type { SourceSink, StreamSource } from './stream-source.ts';

/** How one run of a source's program goes. */
export interface StreamLaunch extends Omit<Launch, 'onSide'> {
  /** `ogg`: Opus comes on descriptor 3 */
  side?: 'ogg';
  framing: 'flv' | 'annexb';
  /** what whoever looks should know: that it is encoded here, and why */
  note?: string;
}

export interface SourceLimits {
  /** a running program that gives no unit for so long is killed */
  silenceMs: number;
  /** so long may the first unit take */
  firstUnitMs: number;
}

const LIMITS: SourceLimits = { silenceMs: 5000, firstUnitMs: 15_000 };
/** A source that gave units for so long is well: its next failure counts as the first. */
const WELL_MS = 10_000;
/** However many ask, a source that fails is not started more often than this. */
const LEAST_REST_MS = 5000;

export interface SourceParts {
  clock: Clock;
  log: Log;
  random?: () => number;
  limits?: Partial<SourceLimits>;
}

export interface SourceEnding extends Ending {
  /** it was ended since what came on descriptor 3 was not what it should be */
  wrongSide?: boolean;
}

export interface ProcessSourceOptions extends SourceParts {
  /** Says how to start, each time anew: it may look at the device first. Throws an AppError in words. */
  prepare(signal: AbortSignal): Promise<StreamLaunch>;
  /** the program's last words as a sentence for people, without a password */
  explain(stderr: string): string;
  /** Judges a program's end before it counts as a failure: true when another launch should be tried at once. */
  reconsider?(ending: SourceEnding, gaveUnits: boolean): boolean;
}

interface Run {
  startedMs: number;
  cancel: AbortController;
  process?: PipedProcess;
  parser?: StreamParser;
  unitMs?: number;
  firstUnitMs?: number;
  /** why it was killed, where its own words would not tell */
  verdict?: string;
  wrongSide?: boolean;
}

/**
 * Runs a program that writes H.264 and hands on what it holds. A program that gives nothing for a while, or something else, is
 * killed; every end that was not asked for is a failure, whatever its exit code, and is followed by another start after a pause.
 */
export class ProcessSource implements StreamSource {
  readonly #options: ProcessSourceOptions;
  readonly #limits: SourceLimits;
  readonly #pause: RestartPause;
  #sink: SourceSink | undefined;
  #run: Run | undefined;
  #running: Promise<void> = Promise.resolve();
  #note: string | undefined;
  #cancelPause = () => {};
  #lostMs = 0;
  #cancelWatch = () => {};

  constructor(options: ProcessSourceOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#pause = new RestartPause(options.random);
  }

  get note(): string | undefined {
    return this.#note;
  }

  start(sink: SourceSink): void {
    if (this.#sink) return;
    this.#sink = sink;
    this.#pause.reset();
    this.#launch();
  }

  hurry(): void {
    const restedMs = this.#options.clock.monotonicMs() - this.#lostMs;
    if (!this.#sink || this.#run || restedMs < LEAST_REST_MS) return;
    this.#cancelPause();
    this.#launch();
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    this.#cancelPause();
    this.#cancelWatch();
    const run = this.#run;
    this.#run = undefined;
    run?.cancel.abort(new AppError('camera.unreachable', 'the stream has been stopped'));
    run?.process?.stop();
    await this.#running;
  }

  #launch(): void {
    const run: Run = { startedMs: this.#options.clock.monotonicMs(), cancel: new AbortController() };
    this.#run = run;
    // Two runs never overlap: a device is held by one program at a time.
    this.#running = this.#running.then(() => this.#play(run));
  }

  /** One run from its preparation to its end; never rejects. */
  async #play(run: Run): Promise<void> {
    if (this.#run !== run) return;
    let launch: StreamLaunch;
    try {
      launch = await this.#options.prepare(run.cancel.signal);
    } catch (thrown) {
      this.#lost(run, toAppError(thrown).message);
      return;
    }
    const sink = this.#sink;
    if (this.#run !== run || !sink) return;
    this.#note = launch.note;
    sink.onRun();
    const parser = this.#parser(launch, this.#watched(run, sink));
    run.parser = parser;
    run.startedMs = this.#options.clock.monotonicMs();
    const sound = launch.side && new OpusParser(this.#watched(run, sink));
    const beside = sound && { onSide: (chunk: Buffer) => this.#pushSide(run, sound, chunk) };
    const { clock } = this.#options;
    run.process = startPipedProcess({ ...launch, ...beside }, clock, (chunk) => this.#push(run, parser, chunk));
    this.#watch(run);
    const ending = await run.process.gone;
    this.#ended(run, ending);
  }

  #parser({ framing }: StreamLaunch, sink: RawSink): StreamParser {
    return framing === 'flv' ? new FlvDemuxer(sink) : new AnnexBParser({ sink, clock: this.#options.clock });
  }

  /** The sink, for this run only, with the time of each unit noted. */
  #watched(run: Run, sink: SourceSink): RawSink {
    const isNow = () => this.#run === run;
    return {
      onParameters: (sets) => isNow() && sink.onParameters(sets),
      onUnit: (unit) => {
        if (!isNow()) return;
        const nowMs = this.#options.clock.monotonicMs();
        run.unitMs = nowMs;
        run.firstUnitMs ??= nowMs;
        if (nowMs - run.firstUnitMs > WELL_MS) this.#pause.reset();
        sink.onUnit(unit);
      },
      onAudioFormat: (format) => isNow() && sink.onAudioFormat?.(format),
      onAudio: (data, pts) => isNow() && sink.onAudio?.(data, pts),
    };
  }

  #pushSide(run: Run, parser: OpusParser, chunk: Buffer): void {
    if (this.#run !== run || run.wrongSide) return;
    try {
      parser.push(chunk);
    } catch (error) {
      this.#options.log.debug('the sound of a source is not what it should be', { error });
      run.wrongSide = true;
      run.process?.kill();
    }
  }

  #push(run: Run, parser: StreamParser, chunk: Buffer): void {
    if (this.#run !== run || run.verdict !== undefined) return;
    try {
      parser.push(chunk);
    } catch (thrown) {
      run.verdict = toAppError(thrown).message;
      run.process?.kill();
    }
  }

  /** One timer that looks again when the newest unit it knew of would be too old: cheaper than one per unit. */
  #watch(run: Run): void {
    if (this.#run !== run) return;
    const limit = run.unitMs === undefined ? this.#limits.firstUnitMs : this.#limits.silenceMs;
    const quietMs = this.#options.clock.monotonicMs() - (run.unitMs ?? run.startedMs);
    if (quietMs >= limit) {
      run.verdict ??= `the camera has sent no picture for ${Math.round(quietMs / 1000)} s`;
      run.process?.kill();
      return;
    }
    const waitMs = Math.min(limit - quietMs, this.#limits.silenceMs);
    this.#cancelWatch = this.#options.clock.after(waitMs, () => this.#watch(run));
  }

  #ended(run: Run, ending: Ending): void {
    if (this.#run !== run) return;
    this.#cancelWatch();
    try {
      run.parser?.end();
    } catch (thrown) {
      run.verdict ??= toAppError(thrown).message;
    }
    const how = { ...ending, ...(run.wrongSide && { wrongSide: true }) };
    if (run.verdict === undefined && this.#options.reconsider?.(how, run.unitMs !== undefined)) this.#launch();
    else this.#lost(run, run.verdict ?? ending.error?.message ?? this.#options.explain(ending.stderr));
  }

  #lost(run: Run, reason: string): void {
    if (this.#run !== run) return;
    this.#run = undefined;
    this.#lostMs = this.#options.clock.monotonicMs();
    this.#cancelPause = this.#options.clock.after(this.#pause.next(), () => this.#launch());
    this.#sink?.onLost(reason);
  }
}
