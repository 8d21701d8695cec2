import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { AppError } from '../../contracts/errors.ts';
import { ended, tailOf } from '../../lib/child-process.ts';
import { explainFfmpeg, FFMPEG_QUIET, sayHowToInstall } from '../ffmpeg.ts';
import type { Scene } from '../sim/scene.ts';
import { FlvDemuxer } from './flv-demuxer.ts';
import type { KeptLoop } from './loop-file.ts';
import type { RawUnit } from './raw-unit.ts';

export interface LoopShape {
  width: number;
  height: number;
  fps: number;
  /** pictures of the whole loop, and from one key frame to the next */
  pictures: number;
  group: number;
}

export interface LoopWork {
  from: number;
  /** may still be in the making: the encoder starts meanwhile */
  scene: Promise<Scene>;
  mayDraw(): Promise<void>;
  onUnit(): void;
  signal: AbortSignal;
}

/**
 * A scene as H.264 in memory, encoded once. The encoder runs through the loop a little ahead of who plays it, from wherever that is;
 * once all pictures are there, none runs again.
 */
export class SimLoop {
  readonly shape: LoopShape;
  readonly #ffmpegPath: string;
  readonly #units: (RawUnit | undefined)[];
  #sets: Buffer[] = [];
  #missing: number;
  #bytes = 0;

  constructor(shape: LoopShape, ffmpegPath: string) {
    this.shape = shape;
    this.#ffmpegPath = ffmpegPath;
    this.#units = Array.from({ length: shape.pictures });
    this.#missing = shape.pictures;
  }

  get isWhole(): boolean {
    return this.#missing === 0;
  }

  /** what it holds, in bytes */
  get bytes(): number {
    return this.#bytes;
  }

  get sets(): Buffer[] {
    return this.#sets;
  }

  /** how many pictures are there */
  get held(): number {
    return this.shape.pictures - this.#missing;
  }

  /** What is there, to be kept; only groups that are whole. */
  keep(): KeptLoop {
    const pictures = new Map<number, Buffer[]>();
    for (let first = 0; first < this.shape.pictures; first += this.shape.group) {
      const units = this.#units.slice(first, first + this.shape.group);
      if (units.includes(undefined)) continue;
      for (const [at, unit] of units.entries()) pictures.set(first + at, unit?.nals ?? []);
    }
    return { sets: this.#sets, pictures };
  }

  /** Takes what was kept, for a loop that holds nothing yet. */
  restore({ sets, pictures }: KeptLoop): void {
    if (this.held > 0 || sets.length === 0) return;
    this.#sets = sets;
    for (const [index, nals] of pictures) {
      if (index < this.shape.pictures && nals.length > 0) this.#keep(index, { nals, dts: 0, pts: 0 });
    }
    for (let first = 0; first < this.shape.pictures; first += this.shape.group) this.#dropCut(first);
  }

  /** The picture of that number, once it is encoded. */
  unit(index: number): RawUnit | undefined {
    return this.#units[index];
  }

  /** The key frame at or before a picture. */
  groupOf(index: number): number {
    return index - (index % this.shape.group);
  }

  /** The group with the first missing picture, looked for from a picture on and around; undefined when none is missing. */
  firstMissing(from: number): number | undefined {
    const { pictures } = this.shape;
    for (let count = 0; count < pictures && !this.isWhole; count++) {
      const index = (from + count) % pictures;
      if (this.#units[index] === undefined) return this.groupOf(index);
    }
    return undefined;
  }

  /**
   * Encodes from a group on and around until nothing is missing. `mayDraw` resolves when the next picture may be drawn, `onUnit` says
   * that one more is there. Throws `process.missing`, `process.failed`, and the signal's reason.
   */
  async encode(work: LoopWork): Promise<void> {
    const { pictures } = this.shape;
    const child = spawn(this.#ffmpegPath, this.#arguments(work.from), { stdio: ['pipe', 'pipe', 'pipe'] });
    const stderr = tailOf(child);
    const gone = ended(child, this.#ffmpegPath);
    // Both its end and its missing are looked at below; meanwhile nobody may be told of a rejection that nobody handles.
    const over = gone.then(
      () => undefined,
      () => undefined,
    );
    const stop = () => child.kill('SIGKILL');
    work.signal.addEventListener('abort', stop, { once: true });
    child.stdin.on('error', () => child.stdin.destroy());
    let next = work.from;
    const demuxer = new FlvDemuxer({
      onParameters: (sets) => this.#take(sets),
      onUnit: (unit) => {
        this.#keep(next, unit);
        next = (next + 1) % pictures;
        work.onUnit();
      },
    });
    child.stdout.on('data', (chunk: Buffer) => demuxer.push(chunk));
    try {
      await this.#draw(work, child.stdin, over);
      child.stdin.end();
      const code = await gone;
      work.signal.throwIfAborted();
      if (code !== 0) throw new AppError('process.failed', `the scene: ${explainFfmpeg(stderr())}`);
    } catch (error) {
      throw sayHowToInstall(error);
    } finally {
      work.signal.removeEventListener('abort', stop);
      child.kill('SIGKILL');
      await over;
      this.#dropCut(next);
    }
  }

  async #draw(work: LoopWork, encoder: Writable, over: Promise<void>): Promise<void> {
    const { pictures, fps } = this.shape;
    const scene = await work.scene;
    for (let count = 0; count < pictures && !encoder.destroyed; count++) {
      const index = (work.from + count) % pictures;
      // Once around, or up to a group that is there already.
      if (count > 0 && index % this.shape.group === 0 && this.firstMissing(index) === undefined) return;
      await work.mayDraw();
      work.signal.throwIfAborted();
      // The scene draws over its pixels, so the pipe gets a copy.
      const hasRoom = encoder.write(Buffer.from(scene.render((index * 1000) / fps)));
      if (!hasRoom) await Promise.race([drained(encoder), over]);
    }
  }

  /** Pictures of an encoder with other parameters (ffmpeg was replaced since they were kept) would not decode beside the new ones. */
  #take(sets: Buffer[]): void {
    const same = sets.length === this.#sets.length && sets.every((set, at) => this.#sets[at]?.equals(set));
    if (same) return;
    if (this.#sets.length > 0) {
      this.#units.fill(undefined);
      this.#missing = this.shape.pictures;
      this.#bytes = 0;
    }
    this.#sets = sets;
  }

  /** A group that was not finished is forgotten: another encoder's pictures would not continue it. */
  #dropCut(next: number): void {
    const first = this.groupOf(next);
    const end = Math.min(first + this.shape.group, this.shape.pictures);
    let isCut = false;
    for (let index = first; index < end; index++) isCut ||= this.#units[index] === undefined;
    if (!isCut) return;
    for (let index = first; index < end; index++) {
      if (this.#units[index] !== undefined) this.#missing += 1;
      this.#units[index] = undefined;
    }
  }

  #keep(index: number, unit: RawUnit): void {
    if (this.#units[index] === undefined) {
      this.#missing -= 1;
      for (const nal of unit.nals) this.#bytes += nal.length;
    }
    this.#units[index] = unit;
  }

  #arguments(from: number): string[] {
    const { width, height, fps, pictures, group } = this.shape;
    const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${width}x${height}`, '-r', `${fps}`, '-i', 'pipe:0'];
    const keys = ['-force_key_frames', `expr:eq(mod(mod(n+${from},${pictures}),${group}),0)`, '-g', `${pictures + 1}`];
    const code = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline'];
    const form = ['-pix_fmt', 'yuv420p', '-x264-params', 'sliced-threads=0:threads=1:scenecut=0', '-crf', '24'];
    const rate = ['-maxrate', '3M', '-bufsize', '1500k'];
    const output = ['-f', 'flv', '-flvflags', 'no_duration_filesize', '-flush_packets', '1', 'pipe:1'];
    return [...FFMPEG_QUIET, ...input, '-an', ...code, ...form, ...rate, ...keys, ...output];
  }
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}
