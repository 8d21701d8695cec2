import { spawn } from 'node:child_process';
import type { AppError } from '../../contracts/errors.ts';
import type { AccessUnit, VideoFormat } from '../../contracts/streams.ts';
import { ended, tailOf } from '../../lib/child-process.ts';
import { explainFfmpeg, jpegOutput, sayHowToInstall } from '../ffmpeg.ts';
import { JpegSplitter } from '../jpeg-splitter.ts';
import { AS_IT_COMES, h264Input, UNIT_END } from './decode-args.ts';

/** About what a phone or browser shows without visible loss; a picture of 720p is about 80 kB. */
const QUALITY = 84;
/** Pictures come on the network's beat: one that is so early is no reason to wait for the next. Half of the time between two of 30 a second. */
const EARLY_S = 0.016;

export interface DecoderOptions {
  ffmpegPath: string;
  video: VideoFormat;
  /** pictures a second at most */
  fps: number;
  onPicture(jpeg: Buffer): void;
  /** It ended by itself; nothing comes any more. */
  onFailed(reason: string, error?: AppError): void;
}

/** An ffmpeg that is fed H.264 and gives JPEGs. `close` ends it at once and may be called twice. */
export class Decoder {
  readonly #child;
  readonly #gone: Promise<void>;
  #state: 'open' | 'closed' = 'open';

  constructor({ ffmpegPath, video, fps, onPicture, onFailed }: DecoderOptions) {
    const args = [...h264Input(video, AS_IT_COMES), ...jpegOutput({ fps, jpegQuality: QUALITY }, selectOnBeat(fps))];
    const child = spawn(ffmpegPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    const stderr = tailOf(child);
    const splitter = new JpegSplitter((jpeg) => {
      if (this.#state === 'open') onPicture(jpeg);
    });
    child.stdout.on('data', (chunk: Buffer) => splitter.push(chunk));
    // Its end is told by `ended`; a broken pipe says nothing more.
    child.stdin.on('error', () => child.stdin.destroy());
    this.#gone = ended(child, ffmpegPath).then(
      () => this.#fail(() => onFailed(explainFfmpeg(stderr()))),
      (thrown: unknown) => {
        const error = sayHowToInstall(thrown);
        this.#fail(() => onFailed(error.message, error));
      },
    );
  }

  /** bytes that wait to be decoded */
  get queued(): number {
    return this.#child.stdin.writableLength;
  }

  write(unit: AccessUnit): void {
    if (this.#state === 'closed' || this.#child.stdin.destroyed) return;
    this.#child.stdin.cork();
    this.#child.stdin.write(unit.annexB);
    this.#child.stdin.write(UNIT_END);
    this.#child.stdin.uncork();
  }

  /** Resolves once the process is gone. */
  close(): Promise<void> {
    this.#state = 'closed';
    this.#child.kill('SIGKILL');
    return this.#gone;
  }

  #fail(tell: () => void): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    tell();
  }
}

/**
 * ffmpeg's expression for at most `fps` pictures a second of a stream that comes unevenly. It keeps a beat: after a late picture the next
 * one is due on time. By the distance from the last one, what comes on time after a late one would be too early, and a fifth would be lost.
 */
function selectOnBeat(fps: number): string {
  const step = (1 / fps).toFixed(6);
  return `if(gte(t,ld(0)-${EARLY_S}),gte(st(0,if(lt(ld(0),t-${step}),t,ld(0))+${step}),0),0)`;
}
