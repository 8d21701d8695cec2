import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { AppError } from '../../runtime/contracts/errors.ts';
import type { Clock, Log } from '../../runtime/contracts/host.ts';
import type {
  AudioFormat,
  StreamHost,
  StreamReader,
  StreamStatus,
  StreamSubscription,
} from '../../runtime/contracts/streams.ts';
import { systemClock } from '../../runtime/lib/clock.ts';
import { silentLog } from '../../runtime/lib/log.ts';
import { FlvDemuxer } from '../../runtime/media/stream/flv-demuxer.ts';
import { type HubLimits, StreamHub } from '../../runtime/media/stream/hub.ts';
import { OpusParser } from '../../runtime/media/stream/opus-parser.ts';
import type { RawUnit } from '../../runtime/media/stream/raw-unit.ts';
import type { SourceSink, StreamSource } from '../../runtime/media/stream/stream-source.ts';

const runFile = promisify(execFile);

/** How a clip is to be; each default is what a common camera does. */
export interface ClipShape {
  /** default 320 × 180 */
  width?: number;
  height?: number;
  /** default 25 */
  fps?: number;
  /** default 4 */
  seconds?: number;
  /** pictures from one key frame to the next; default: as many as `fps` */
  gop?: number;
  /** default: none */
  bFrames?: number;
  /** slices in each picture, default 1 */
  slices?: number;
  /** a tone, `true` as AAC; default: silent film */
  audio?: boolean | 'opus' | 'pcmu' | 'pcma';
  /** x264's; default `baseline`, with B-frames `main` */
  profile?: string;
  /** default `yuv420p` */
  pixels?: string;
}

export interface Clip {
  /** FLV as ffmpeg wrote it */
  flv: Buffer;
  sets: Buffer[];
  units: RawUnit[];
  audioFormat: AudioFormat | undefined;
  audio: { data: Buffer; pts: number }[];
  fps: number;
}

/** What ffmpeg's decoder has to say against a stream (Annex B), and how many pictures it found in it. */
export async function decode(annexB: Buffer): Promise<{ complaints: string; pictures: number }> {
  const args = ['-v', 'error', '-f', 'h264', '-i', 'pipe:0', '-f', 'framecrc', 'pipe:1'];
  const running = runFile('ffmpeg', args, { maxBuffer: 16 * 1024 * 1024 });
  running.child.stdin?.end(annexB);
  const { stdout, stderr } = await running;
  return { complaints: stderr, pictures: stdout.split('\n').filter((line) => /^0,/.test(line)).length };
}

/** Arguments for ffmpeg that make such a clip, without its output. */
export function clipArguments(shape: ClipShape = {}): string[] {
  const { width = 320, height = 180, fps = 25, seconds = 4, gop = fps, bFrames = 0, slices = 1 } = shape;
  const video = ['-f', 'lavfi', '-i', `testsrc2=s=${width}x${height}:r=${fps}`];
  const sound = shape.audio ? ['-f', 'lavfi', '-i', 'sine=f=440:r=48000'] : [];
  const keys = ['-g', `${gop}`, '-keyint_min', `${gop}`, '-sc_threshold', '0', '-bf', `${bFrames}`];
  // Without adaptive placing, so that there are B-frames where they were asked for.
  const x264 = ['-x264-params', `b-adapt=0:slices=${slices}:threads=1:sliced-threads=0`];
  const profile = shape.profile ?? (bFrames > 0 ? 'main' : 'baseline');
  // The fastest preset switches off all that makes a stream more than baseline.
  const preset = profile === 'high' ? 'veryfast' : 'ultrafast';
  const code = ['-c:v', 'libx264', '-preset', preset, '-profile:v', profile, '-pix_fmt', shape.pixels ?? 'yuv420p'];
  const coders = { opus: 'libopus', pcmu: 'pcm_mulaw', pcma: 'pcm_alaw' };
  const coder = typeof shape.audio === 'string' ? coders[shape.audio] : 'aac';
  const rate = shape.audio === 'pcmu' || shape.audio === 'pcma' ? ['-ar', '8000'] : [];
  const aac = shape.audio ? ['-c:a', coder, ...rate, '-b:a', '64k', '-ac', '1'] : [];
  return ['-v', 'error', '-y', ...video, ...sound, '-t', `${seconds}`, ...code, ...keys, ...x264, ...aac];
}

/** Has ffmpeg make a clip and takes it apart. About 200 ms: do it in a `before`. */
export async function recordClip(shape: ClipShape = {}): Promise<Clip> {
  // FLV cannot carry Opus.
  const isOpus = shape.audio === 'opus';
  const args = [
    ...clipArguments(isOpus ? { ...shape, audio: false } : shape),
    '-f',
    'flv',
    '-flvflags',
    'no_duration_filesize',
    'pipe:1',
  ];
  const { stdout } = await runFile('ffmpeg', args, { encoding: 'buffer', maxBuffer: 256 * 1024 * 1024 });
  const clip: Clip = { flv: stdout, sets: [], units: [], audio: [], audioFormat: undefined, fps: shape.fps ?? 25 };
  const demuxer = new FlvDemuxer({
    onParameters: (sets) => clip.sets.push(...sets),
    onUnit: (unit) => clip.units.push(unit),
    onAudioFormat: (format) => {
      clip.audioFormat = format;
    },
    onAudio: (data, pts) => clip.audio.push({ data, pts }),
  });
  demuxer.push(stdout);
  if (isOpus) await recordOpus(clip, shape.seconds ?? 4);
  return clip;
}

async function recordOpus(clip: Clip, seconds: number): Promise<void> {
  const tone = ['-v', 'error', '-f', 'lavfi', '-i', 'sine=f=440:r=48000', '-t', `${seconds}`, '-c:a', 'libopus'];
  const { stdout } = await runFile('ffmpeg', [...tone, '-b:a', '64k', '-f', 'ogg', 'pipe:1'], { encoding: 'buffer' });
  const parser = new OpusParser({
    onAudioFormat: (format) => {
      clip.audioFormat = format;
    },
    onAudio: (data, pts) => clip.audio.push({ data, pts }),
  });
  parser.push(stdout);
}

/** Plays a clip over and over in real time, as a camera would. */
export class ClipSource implements StreamSource {
  readonly note?: string;
  starts = 0;
  readonly #clip: Clip;
  readonly #clock: Clock;
  #sink: SourceSink | undefined;
  #cancel = () => {};

  constructor(clip: Clip, clock: Clock = systemClock) {
    this.#clip = clip;
    this.#clock = clock;
  }

  start(sink: SourceSink): void {
    this.starts += 1;
    this.#sink = sink;
    this.#play();
  }

  async stop(): Promise<void> {
    this.#cancel();
    this.#sink = undefined;
  }

  /** As if the camera had gone; `back` brings it again. */
  lose(reason: string): void {
    this.#cancel();
    this.#sink?.onLost(reason);
  }

  back(): void {
    if (this.#sink) this.#play();
  }

  #play(): void {
    const { sets, units, audio, audioFormat, fps } = this.#clip;
    const sink = this.#sink;
    if (!sink) return;
    sink.onRun();
    sink.onParameters(sets);
    if (audioFormat) sink.onAudioFormat?.(audioFormat);
    const lengthMs = units.length * (1000 / fps);
    const beganMs = this.#clock.monotonicMs();
    const all = [
      ...units.map((unit) => ({ at: unit.dts, give: (ms: number) => sink.onUnit({ ...unit, ...later(unit, ms) }) })),
      ...audio.map(({ data, pts }) => ({ at: pts, give: (ms: number) => sink.onAudio?.(data, pts + ms) })),
    ].sort((one, other) => one.at - other.at);
    let next = 0;
    const tick = () => {
      const nowMs = this.#clock.monotonicMs() - beganMs;
      for (;;) {
        const lapMs = Math.floor(next / all.length) * lengthMs;
        const item = all[next % all.length];
        if (!item) return;
        const dueMs = item.at + lapMs;
        if (dueMs > nowMs) {
          this.#cancel = this.#clock.after(dueMs - nowMs, tick);
          return;
        }
        next += 1;
        item.give(lapMs);
        if (this.#sink !== sink) return;
      }
    };
    tick();
  }
}

function later(unit: RawUnit, ms: number): { dts: number; pts: number } {
  return { dts: unit.dts + ms, pts: unit.pts + ms };
}

/** A StreamHost of clips, played through the real hub in real time. `close` it in `afterEach`. */
export class FakeStreams implements StreamHost {
  readonly #parts: { clock: Clock; log: Log; limits?: Partial<HubLimits> };
  readonly #cameras = new Map<string, { hub: StreamHub; source: ClipSource }>();
  /** cameras that give stills only */
  readonly stillsOnly = new Set<string>();

  constructor(options: { clock?: Clock; log?: Log; limits?: Partial<HubLimits> } = {}) {
    this.#parts = { clock: systemClock, log: silentLog, ...options };
  }

  /** Adds a camera that plays the clip, or gives it another one: its readers see a gap, and a new format if it is another. */
  play(camera: string, clip: Clip): void {
    const source = new ClipSource(clip, this.#parts.clock);
    const known = this.#cameras.get(camera);
    if (known) {
      known.hub.replace(source, 'the camera was given another address');
      known.source = source;
    } else {
      this.#cameras.set(camera, { hub: new StreamHub({ camera, source, ...this.#parts }), source });
    }
  }

  /** The camera goes away, until `back`. */
  lose(camera: string, reason = 'the camera was unplugged'): void {
    this.#of(camera).source.lose(reason);
  }

  back(camera: string): void {
    this.#of(camera).source.back();
  }

  /** How often its source was started. */
  starts(camera: string): number {
    return this.#of(camera).source.starts;
  }

  /** The camera is taken from the host: readers are told the end. */
  async remove(camera: string): Promise<void> {
    const { hub } = this.#of(camera);
    this.#cameras.delete(camera);
    await hub.close();
  }

  async close(): Promise<void> {
    for (const camera of [...this.#cameras.keys()]) await this.remove(camera);
  }

  subscribe(camera: string, reader: StreamReader): StreamSubscription {
    return this.#of(camera).hub.subscribe(reader);
  }

  status(camera: string): StreamStatus {
    return this.#of(camera).hub.status();
  }

  list(): StreamStatus[] {
    return [...this.#cameras.values()].map(({ hub }) => hub.status());
  }

  keepWarm(camera: string): () => void {
    return this.#of(camera).hub.keepWarm();
  }

  #of(camera: string): { hub: StreamHub; source: ClipSource } {
    if (this.stillsOnly.has(camera)) throw new AppError('camera.no_stream', `the camera ${camera} gives stills only`);
    const known = this.#cameras.get(camera);
    if (!known) throw new AppError('camera.not_found', `there is no camera ${JSON.stringify(camera)} here`);
    return known;
  }
}
