import type { Clock, Log } from '../../contracts/host.ts';
import type {
  AccessUnit,
  AudioUnit,
  StreamFormat,
  StreamReader,
  StreamState,
  StreamStatus,
  StreamSubscription,
} from '../../contracts/streams.ts';
import { GopCache } from './gop-cache.ts';
import { RateMeter } from './rate-meter.ts';
import type { RawUnit } from './raw-unit.ts';
import { ReaderSeat } from './reader-seat.ts';
import type { SourceSink, StreamSource } from './stream-source.ts';
import { UnitShaper } from './unit-shaper.ts';

export interface HubLimits {
  /** the source runs so long after the last reader has left */
  lingerMs: number;
  /** what is kept of the present group of pictures */
  gopBytes: number;
  gopUnits: number;
}

const LIMITS: HubLimits = { lingerMs: 30_000, gopBytes: 8 * 1024 * 1024, gopUnits: 600 };
/** So many pictures without a key frame are worth a word. */
const KEYLESS_UNITS = 300;

export interface HubOptions {
  camera: string;
  source: StreamSource;
  clock: Clock;
  log: Log;
  limits?: Partial<HubLimits>;
}

/**
 * Hands one camera's stream to any number of readers. The source runs while somebody reads or it is kept warm, and lingers after;
 * a reader that joins gets the pictures since the last key frame first. Readers do not hurt each other: one that is full misses
 * pictures up to the next key frame, one that throws is detached.
 */
export class StreamHub {
  readonly #options: HubOptions;
  readonly #limits: HubLimits;
  readonly #gop: GopCache;
  readonly #shaper: UnitShaper;
  readonly #rate = new RateMeter();
  #bytes = 0;
  readonly #seats = new Set<ReaderSeat>();
  #source: StreamSource;
  #keepers = 0;
  /** `stopping`: the source ends, and starts again if it is wanted by then */
  #place: 'idle' | 'running' | 'stopping' | 'closed' = 'idle';
  #stopping: Promise<void> = Promise.resolve();
  /** tells a source's late words from those of its successor */
  #turn = 0;
  #state: StreamState = 'idle';
  #reason: string | undefined;
  #lastMs: number | undefined;
  #restarts = 0;
  #discardedBefore = 0;
  #stopLinger = () => {};

  constructor(options: HubOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#source = options.source;
    this.#gop = new GopCache({ bytes: this.#limits.gopBytes, units: this.#limits.gopUnits });
    const { clock } = options;
    this.#shaper = new UnitShaper(
      {
        onFormat: () => this.#gop.clear(),
        onVideo: (unit) => this.#video(unit),
        onAudio: (unit) => this.#audio(unit),
      },
      () => clock.monotonicMs(),
    );
  }

  /** the format of the units that come now; undefined before the first, and while the source is away */
  get format(): StreamFormat | undefined {
    return this.#state === 'live' ? this.#shaper.format : undefined;
  }

  /** whether its source holds what it holds: from its start until its stop is done */
  get isRunning(): boolean {
    return this.#place === 'running' || this.#place === 'stopping';
  }

  /** the units since the last key frame; empty without a source, or when the group outgrew its limits */
  get recent(): readonly AccessUnit[] {
    return this.#gop.units;
  }

  /** Attaches a reader. What is there already comes before anything new, in a call stack of its own. */
  subscribe(reader: StreamReader): StreamSubscription {
    const seat = new ReaderSeat(reader, this.#options.log, (broken) => this.#leave(broken));
    this.#seats.add(seat);
    this.#want();
    queueMicrotask(() => this.#seat(seat));
    return {
      get discarded() {
        return seat.discarded;
      },
      close: () => this.#leave(seat),
    };
  }

  /** Keeps the source running until released. */
  keepWarm(): () => void {
    this.#keepers += 1;
    this.#want();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#keepers -= 1;
      this.#linger();
    };
  }

  status(): StreamStatus {
    const nowMs = this.#options.clock.monotonicMs();
    const format = this.#shaper.format;
    const reason = this.#state === 'live' ? this.#source.note : this.#reason;
    let discarded = this.#discardedBefore;
    for (const seat of this.#seats) discarded += seat.discarded;
    return {
      camera: this.#options.camera,
      state: this.#state,
      ...(reason !== undefined && { reason }),
      readers: this.#seats.size,
      ...(this.#state === 'live' ? this.#rate.read(nowMs) : { fps: 0, bitsPerSecond: 0 }),
      bytes: this.#bytes,
      ...(this.#lastMs !== undefined && { ageMs: Math.round(nowMs - this.#lastMs) }),
      restarts: this.#restarts,
      discarded,
      ...(format && { format: shortFormat(format) }),
    };
  }

  /** Another source for the same camera: readers stay, see a gap, and go on with what comes. */
  replace(source: StreamSource, reason: string): void {
    if (this.#place === 'closed') return;
    const old = this.#source;
    this.#source = source;
    if (this.#place === 'idle') return;
    this.#lose(reason, 'connecting');
    this.#stopSource(old);
  }

  /** Has the source let go of what it holds while `work` is done: a gap for readers, who stay. Throws what `work` throws. */
  async pause<T>(reason: string, work: () => Promise<T>): Promise<T> {
    if (this.#place !== 'running') {
      await this.#stopping;
      return work();
    }
    this.#stopLinger();
    this.#lose(reason, 'waiting');
    return new Promise<T>((resolve, reject) => {
      this.#stopSource(this.#source, () => work().then(resolve, reject));
    });
  }

  /** The camera is gone: readers are told, and nothing of the source is left when it resolves. May be called twice. */
  async close(): Promise<void> {
    if (this.#place !== 'closed') {
      this.#stopLinger();
      const wasRunning = this.#place === 'running';
      if (wasRunning) this.#stopSource(this.#source);
      this.#place = 'closed';
      this.#state = 'idle';
      for (const seat of this.#seats) seat.end();
      this.#seats.clear();
      this.#gop.clear();
    }
    await this.#stopping;
  }

  /** Gives a new reader what is there; microtasks run before anything else can arrive. */
  #seat(seat: ReaderSeat): void {
    if (!seat.isOpen) return;
    if (this.#place === 'closed') {
      seat.end();
      return;
    }
    seat.isSeated = true;
    const format = this.#shaper.format;
    if (this.#reason !== undefined && this.#state !== 'live') seat.gap(this.#reason);
    if (format) for (const unit of [...this.#gop.units]) seat.video(unit, format);
  }

  #leave(seat: ReaderSeat): void {
    seat.leave();
    if (!this.#seats.delete(seat)) return;
    this.#discardedBefore += seat.discarded;
    this.#linger();
  }

  #want(): void {
    this.#stopLinger();
    if (this.#place === 'idle') this.#run();
    else if (this.#place === 'running') this.#source.hurry?.();
  }

  #isWanted(): boolean {
    return this.#seats.size > 0 || this.#keepers > 0;
  }

  #linger(): void {
    this.#stopLinger();
    if (this.#isWanted() || this.#place !== 'running') return;
    this.#stopLinger = this.#options.clock.after(this.#limits.lingerMs, () => {
      if (this.#isWanted() || this.#place !== 'running') return;
      this.#state = 'idle';
      this.#reason = undefined;
      this.#gop.clear();
      this.#stopSource(this.#source);
    });
  }

  #run(): void {
    this.#place = 'running';
    this.#state = 'connecting';
    this.#reason = undefined;
    this.#turn += 1;
    const turn = this.#turn;
    const isNow = () => this.#turn === turn && this.#place === 'running';
    const sink: SourceSink = {
      onRun: () => isNow() && this.#shaper.restart(),
      onLost: (reason) => isNow() && this.#lost(reason),
      onParameters: (sets) => isNow() && this.#shaper.onParameters(sets),
      onUnit: (unit) => isNow() && this.#unit(unit),
      onAudioFormat: (format) => isNow() && this.#shaper.onAudioFormat(format),
      onAudio: (data, pts) => isNow() && this.#shaper.onAudio(data, pts),
    };
    this.#source.start(sink);
  }

  #stopSource(source: StreamSource, meanwhile?: () => Promise<void>): void {
    this.#place = 'stopping';
    const before = this.#stopping;
    this.#stopping = Promise.all([before, source.stop()])
      .catch((error) => this.#options.log.error('a source did not stop', { error }))
      .then(meanwhile)
      .then(() => {
        if (this.#place !== 'stopping') return;
        this.#place = 'idle';
        if (this.#isWanted()) this.#run();
        else this.#state = 'idle';
      });
  }

  #unit(raw: RawUnit): void {
    this.#shaper.onUnit(raw);
    if (this.#state !== 'live' && this.#shaper.skipped === KEYLESS_UNITS) {
      this.#reason = 'the camera sends pictures but no key frame, so nothing can be shown';
      this.#options.log.warn('no key frame', { units: KEYLESS_UNITS });
    }
  }

  #video(unit: AccessUnit): void {
    const format = this.#shaper.format;
    if (!format) return;
    if (this.#state !== 'live') this.#options.log.info('the stream runs', { ...shortFormat(format) });
    this.#state = 'live';
    this.#reason = undefined;
    this.#lastMs = unit.arrivedMs;
    this.#bytes += unit.annexB.length;
    this.#rate.add(unit.annexB.length, unit.arrivedMs);
    this.#gop.add(unit);
    // A copy: who subscribes or leaves in a call must not change who is called now.
    for (const seat of [...this.#seats]) if (seat.isSeated) seat.video(unit, format);
  }

  #audio(unit: AudioUnit): void {
    const format = this.#shaper.format;
    if (!format) return;
    this.#bytes += unit.data.length;
    for (const seat of [...this.#seats]) if (seat.isSeated) seat.audio(unit, format);
  }

  #lost(reason: string): void {
    this.#restarts += 1;
    const wasThere = this.#state === 'live' || this.#state === 'waiting';
    if (this.#reason !== reason) this.#options.log.warn('the stream is away', { reason });
    this.#lose(reason, wasThere ? 'waiting' : 'failed');
  }

  #lose(reason: string, state: StreamState): void {
    // A source that fails again in the same way is no news to anybody.
    const isNews = this.#state === 'live' || this.#reason !== reason;
    this.#state = state;
    this.#reason = reason;
    this.#gop.clear();
    this.#rate.reset();
    if (!isNews) return;
    for (const seat of [...this.#seats]) if (seat.isSeated) seat.gap(reason);
  }
}

function shortFormat({ video, audio }: StreamFormat): NonNullable<StreamStatus['format']> {
  const { codec, width, height, hasBFrames } = video;
  return { codec, width, height, hasBFrames, ...(audio && { audio: audio.codec }) };
}
