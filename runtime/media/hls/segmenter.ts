import type { AccessUnit, AudioUnit, StreamFormat } from '../../contracts/streams.ts';
import { lengthPrefixed } from '../stream/length-prefixed.ts';
import { NOT_IN_SAMPLES } from '../stream/nal.ts';
import { fragment, type Sample } from './fmp4.ts';
import { AUDIO_TRACK, carriesSound, initSegment, VIDEO_TIMESCALE, VIDEO_TRACK } from './init-segment.ts';
import type { Part, Run, Segment, Timeline } from './segment.ts';
import { SoundQueue } from './sound-queue.ts';

const PART_S = 0.2;
const SEGMENT_S = 1;
/**
 * The first segment of all is cut this early, wherever that is, once it has reached the present: players want a whole segment before they
 * begin, and with a long group of pictures they would wait for long.
 */
const FIRST_SEGMENT_S = 0.6;
/** Without a key frame for so long a segment is cut all the same: memory and waiting players come first. */
const LONGEST_S = 12;
const LISTED = 7;
/** Left the playlist but still given to slow players. */
const LINGERING = 2;
const MOST_BYTES = 64 * 1024 * 1024;
/** A step of time beyond this, or back, is a break in the stream. */
const JUMP_MS = 3000;
/** Sound that the format promises is awaited so long: it does not come with the pictures that are there at the beginning. */
const SOUND_WAIT_MS = 300;
/** Until two pictures are known. */
const USUAL_FRAME_MS = 40;
const TICKS_MS = VIDEO_TIMESCALE / 1000;

export interface SegmenterOptions {
  /** number of the first segment */
  firstMsn: number;
  /** monotonic ms of now */
  startedMs: number;
  /** epoch ms of a monotonic time */
  wallTime(monotonicMs: number): number;
  /** a part or segment was finished */
  onChange(): void;
}

/**
 * Cuts a stream into segments (at key frames, 1 s and longer) of parts (about 200 ms), held in memory: the 7 that are listed and 2 more,
 * at most 64 MB. A picture goes out when the next one has come, since only then its duration is known. The track's time is without
 * gaps: a break in the stream, a changed format or sound that sets in late begins a new run, not a hole.
 */
export class Segmenter implements Timeline {
  readonly #options: SegmenterOptions;
  #format: StreamFormat | undefined;
  #run: Run | undefined;
  #runs = 0;
  /** dts of the run's first picture, and its time on the track in ticks */
  #origin = { dts: 0, ticks: VIDEO_TIMESCALE };
  #sound: SoundQueue | undefined;
  /** sound has come since the source was last away */
  #hears = false;
  /** the newest picture, whose duration is not known yet */
  #held: AccessUnit | undefined;
  #frameMs = USUAL_FRAME_MS;
  #samples: Sample[] = [];
  /** where the samples of the next part begin and end, in ticks */
  #begin = VIDEO_TIMESCALE;
  #end = VIDEO_TIMESCALE;
  #whole: Segment[] = [];
  #open: Segment | undefined;
  #msn: number;
  #partId = 0;
  #nowMs = 0;
  #partTarget = 0;
  #target = 1;

  constructor(options: SegmenterOptions) {
    this.#options = options;
    this.#msn = options.firstMsn;
  }

  get listed(): readonly Segment[] {
    return this.#whole.slice(-LISTED);
  }
  get open(): Segment | undefined {
    return this.#open;
  }
  get openMsn(): number {
    return this.#msn;
  }
  get nextPart(): number {
    return this.#partId;
  }
  get partTarget(): number {
    return this.#partTarget;
  }
  get target(): number {
    return this.#target;
  }
  /** there is enough for a player to begin */
  get hasBegun(): boolean {
    return this.#whole.length > 0;
  }
  /** bytes of pictures and sound that are held */
  get bytes(): number {
    return this.#whole.reduce((sum, { bytes }) => sum + bytes, this.#open?.bytes ?? 0);
  }

  /** Everything that can be fetched: listed, lingering and open. */
  held(): readonly Segment[] {
    return this.#open ? [...this.#whole, this.#open] : this.#whole;
  }

  /** What decoders have to know from the next picture on. */
  format(format: StreamFormat): void {
    if (format.generation === this.#format?.generation) return;
    this.break();
    this.#hears = false;
    this.#format = format;
  }

  /** The source is away: what has come is finished, and what comes is a new run. */
  break(): void {
    if (this.#held) this.#finish(this.#frameMs);
    this.#closeSegment();
    this.#run = undefined;
  }

  /** The next picture; those before the first key frame of a run are left out. */
  video(unit: AccessUnit): void {
    const held = this.#held;
    this.#nowMs = Math.max(this.#nowMs, unit.arrivedMs);
    if (held) {
      const stepMs = unit.dts - held.dts;
      if (stepMs <= 0 || stepMs > JUMP_MS) this.break();
      else this.#finish(stepMs);
    }
    if (unit.isKey && this.#run) {
      if (this.#open && this.#durationNow() >= SEGMENT_S && !this.#awaitsSound()) this.#closeSegment();
      if (this.#soundCameLate()) this.break();
    }
    if (!this.#run) {
      if (!unit.isKey || !this.#format) return;
      this.#begins(unit, this.#format);
    }
    this.#held = unit;
  }

  /** The next piece of sound; what is no AAC, or comes before the first picture, is left out. */
  audio(unit: AudioUnit): void {
    if (!this.#run || !this.#sound) return;
    this.#hears = true;
    this.#run.hasSound = true;
    this.#sound.push(unit.data, this.#ticksOf(unit.pts) / VIDEO_TIMESCALE);
  }

  #begins(unit: AccessUnit, format: StreamFormat): void {
    this.#origin = { dts: unit.dts, ticks: this.#end };
    const wallMs = this.#options.wallTime(unit.arrivedMs) - this.#end / TICKS_MS;
    this.#run = { id: this.#runs, format, hasSound: this.#hears, wallMs };
    this.#runs += 1;
    this.#sound = carriesSound(format.audio) ? new SoundQueue(format.audio.sampleRate) : undefined;
  }

  /** Sound for which the run's init segment has no track. */
  #soundCameLate(): boolean {
    return this.#run?.init !== undefined && this.#run.hasSound && !this.#run.format.audio;
  }

  #awaitsSound(): boolean {
    return this.#sound !== undefined && !this.#hears && this.#nowMs < this.#options.startedMs + SOUND_WAIT_MS;
  }

  #ticksOf(streamMs: number): number {
    return this.#origin.ticks + Math.round((streamMs - this.#origin.dts) * TICKS_MS);
  }

  /** The held picture's duration is known: it goes into the part. */
  #finish(durationMs: number): void {
    const unit = this.#held;
    this.#held = undefined;
    if (!unit || !this.#run) return;
    this.#frameMs = durationMs;
    const end = this.#ticksOf(unit.dts + durationMs);
    const shift = Math.round((unit.pts - unit.dts) * TICKS_MS);
    this.#samples.push({
      pieces: lengthPrefixed(unit.annexB, NOT_IN_SAMPLES),
      duration: end - this.#end,
      shift,
      isKey: unit.isKey,
    });
    this.#end = end;
    this.#open ??= this.#newSegment(this.#run, unit.isKey);
    const partS = (end - this.#begin) / VIDEO_TIMESCALE;
    // Nearest to 200 ms, so that parts of a steady stream are all as long.
    if (partS + durationMs / 2000 >= PART_S) this.#closePart();
    if (this.#isLongEnough()) this.#closeSegment();
  }

  #isLongEnough(): boolean {
    if (!this.#open || this.#samples.length > 0 || this.#awaitsSound()) return false;
    const isFirst = this.#msn === this.#options.firstMsn && this.#nowMs >= this.#options.startedMs;
    return this.#open.duration >= (isFirst ? FIRST_SEGMENT_S : LONGEST_S);
  }

  #durationNow(): number {
    return (this.#end - this.#begin) / VIDEO_TIMESCALE + (this.#open?.duration ?? 0);
  }

  #newSegment(run: Run, isIndependent: boolean): Segment {
    const at = this.#begin / VIDEO_TIMESCALE;
    return { msn: this.#msn, run, at, duration: 0, bytes: 0, parts: [], isIndependent };
  }

  #closePart(): void {
    const segment = this.#open;
    if (!segment || this.#samples.length === 0) return;
    const video = { track: VIDEO_TRACK, at: this.#begin, samples: this.#samples };
    const isSilent = segment.run.init !== undefined && !segment.run.format.audio;
    const sound = isSilent ? undefined : this.#sound?.take(this.#end / VIDEO_TIMESCALE);
    const bytes = fragment(this.#partId + 1, sound ? [video, { track: AUDIO_TRACK, ...sound }] : [video]);
    const duration = (this.#end - this.#begin) / VIDEO_TIMESCALE;
    // hls.js goes on into another segment only by a part that is called independent. That of a segment which was cut without a key frame is
    // so too: who has played the segment before can decode it, and who has not waits for a key frame either way.
    const isIndependent = segment.parts.length === 0 || this.#samples.some(({ isKey }) => isKey);
    const part: Part = { id: this.#partId, bytes, duration, isIndependent };
    this.#partId += 1;
    this.#samples = [];
    this.#begin = this.#end;
    segment.parts.push(part);
    segment.duration += duration;
    segment.bytes += bytes.length;
    this.#partTarget = Math.max(this.#partTarget, Math.ceil(duration * 1000 - 1e-6) / 1000);
    this.#target = Math.max(this.#target, Math.round(segment.duration));
    if (this.#whole.length > 0) this.#fixInit(segment.run);
    this.#options.onChange();
  }

  #closeSegment(): void {
    this.#closePart();
    const segment = this.#open;
    this.#open = undefined;
    if (!segment) return;
    this.#fixInit(segment.run);
    this.#whole.push(segment);
    this.#msn += 1;
    while (this.#whole.length > LISTED + LINGERING || (this.bytes > MOST_BYTES && this.#whole.length > 1)) {
      this.#whole.shift();
    }
    this.#options.onChange();
  }

  /** A track of sound is only promised when sound has come: players wait for one that was promised. */
  #fixInit(run: Run): void {
    if (run.init) return;
    if (!run.hasSound) run.format = { ...run.format, audio: undefined };
    run.init = initSegment(run.format);
  }
}
