import type { AccessUnit, AudioFormat, AudioUnit, StreamFormat, VideoFormat } from '../../contracts/streams.ts';
import { isBSlice, isPicture, NAL, nalType, toAnnexB } from './nal.ts';
import { ParameterSets } from './parameter-sets.ts';
import type { RawSink, RawUnit } from './raw-unit.ts';
import { parseSps, type Sps } from './sps.ts';
import { Timeline } from './timeline.ts';

/** What a stream consists of once it is in shape: a format, then units that begin with a key frame. */
export interface ShapedSink {
  onFormat(format: StreamFormat): void;
  onVideo(unit: AccessUnit): void;
  onAudio(unit: AudioUnit): void;
}

/** The browsers' profiles: constrained baseline, main, high. */
const PLAYED_PROFILES = new Set([66, 77, 88, 100]);

/**
 * Brings what sources give into one form: parameter sets before each key frame, one rising clock over all restarts, a new format
 * with a higher generation when size or parameters change or B-frames show. Units before the first key frame of a run are left out.
 */
export class UnitShaper implements RawSink {
  readonly #sink: ShapedSink;
  readonly #nowMs: () => number;
  readonly #sets = new ParameterSets();
  readonly #timeline = new Timeline();
  #sps: Sps | undefined;
  #format: StreamFormat | undefined;
  #audio: AudioFormat | undefined;
  #seenBFrames = false;
  #isFresh = true;
  #skipped = 0;

  constructor(sink: ShapedSink, nowMs: () => number) {
    this.#sink = sink;
    this.#nowMs = nowMs;
  }

  get format(): StreamFormat | undefined {
    return this.#format;
  }

  /** pictures of this run that came before its first key frame */
  get skipped(): number {
    return this.#skipped;
  }

  /** The source begins again: its clock, its sound and perhaps its pictures are others. */
  restart(): void {
    this.#isFresh = true;
    this.#skipped = 0;
    this.#audio = undefined;
    this.#timeline.restart();
  }

  onParameters(sets: Buffer[]): void {
    this.#note(sets);
  }

  onAudioFormat(format: AudioFormat): void {
    this.#audio = format;
  }

  onAudio(data: Buffer, pts: number): void {
    const told = this.#format?.audio;
    if (this.#isFresh || !told || !sameAudio(told, this.#audio)) return;
    this.#sink.onAudio({ data, pts: this.#timeline.moment(pts) });
  }

  onUnit(raw: RawUnit): void {
    const isKey = raw.nals.some((nal) => nalType(nal) === NAL.idr);
    if (isKey) this.#note(raw.nals);
    if (!this.#sps || (this.#isFresh && !isKey) || !raw.nals.some((nal) => isPicture(nalType(nal)))) {
      this.#skipped += 1;
      return;
    }
    if (!this.#seenBFrames && this.#sps.reordered !== 0) this.#seenBFrames = showsBFrames(raw);
    this.#isFresh = false;
    this.#tellFormat(this.#sps, isKey);
    const arrivedMs = this.#nowMs();
    const dts = this.#timeline.place(raw.dts, arrivedMs);
    const pts = dts + Math.round(raw.pts - raw.dts);
    this.#sink.onVideo({ annexB: isKey ? this.#keyFrame(raw) : bytesOf(raw), isKey, dts, pts, arrivedMs });
  }

  /** The parameter sets once, in front; those that the source had in between, and its delimiters, are left out. */
  #keyFrame(raw: RawUnit): Buffer {
    const rest = raw.nals.filter((nal) => ![NAL.sps, NAL.pps, NAL.delimiter].some((type) => type === nalType(nal)));
    return toAnnexB([...this.#sets.all(), ...rest]);
  }

  #note(nals: readonly Buffer[]): void {
    const before = this.#sets.sps;
    this.#sets.keep(nals);
    const sps = this.#sets.sps;
    if (!sps || sps === before) return;
    const read = parseSps(sps);
    if (!read) return;
    this.#sps = read;
    this.#seenBFrames = (read.reordered ?? 0) > 0;
  }

  #tellFormat(read: Sps, isKey: boolean): void {
    const { sps, pps } = this.#sets;
    if (!sps || !pps) return;
    const video: VideoFormat = {
      codec: read.codec,
      sps,
      pps,
      width: read.width,
      height: read.height,
      hasBFrames: this.#seenBFrames,
    };
    const told = this.#format;
    // A decoder begins anew with each format, so what shows between two key frames (sound, a first B-frame) waits for the next one.
    if (told && (!isKey || (sameVideo(told.video, video) && sameAudio(told.audio, this.#audio)))) return;
    const audio = this.#audio ? { audio: this.#audio } : {};
    this.#format = { generation: (told?.generation ?? 0) + 1, video, ...audio };
    this.#sink.onFormat(this.#format);
  }
}

/** Whether browsers play it: 8 bits, 4:2:0, and a profile that they know. */
export function isPlayable(sps: Sps): boolean {
  return sps.isPlain && PLAYED_PROFILES.has(sps.profile);
}

function bytesOf(raw: RawUnit): Buffer {
  return raw.annexB ?? toAnnexB(raw.nals);
}

/** Whether a unit gives away that pictures are not shown in the order in which they come. */
export function showsBFrames(raw: RawUnit): boolean {
  return raw.pts !== raw.dts || raw.nals.some((nal) => nalType(nal) === NAL.slice && isBSlice(nal));
}

function sameVideo(a: VideoFormat, b: VideoFormat): boolean {
  return a.hasBFrames === b.hasBFrames && a.sps.equals(b.sps) && a.pps.equals(b.pps);
}

function sameAudio(a: AudioFormat | undefined, b: AudioFormat | undefined): boolean {
  if (!a || !b) return a === b;
  const configs = [a.config ?? Buffer.alloc(0), b.config ?? Buffer.alloc(0)] as const;
  return (
    a.codec === b.codec && a.sampleRate === b.sampleRate && a.channels === b.channels && configs[0].equals(configs[1])
  );
}
