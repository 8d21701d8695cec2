import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock, Log } from '../../contracts/host.ts';
import type { AudioFormat, AudioUnit, StreamHost, StreamSubscription } from '../../contracts/streams.ts';
import { ended, tailOf } from '../../lib/child-process.ts';
import type { Part } from '../../lib/part.ts';
import { explainFfmpeg, FFMPEG_QUIET } from '../ffmpeg.ts';
import { RestartPause } from '../restart-pause.ts';
import { toAdts } from './adts.ts';
import { OggReader, opusMs } from './ogg-reader.ts';

const BITS_PER_SECOND = 64_000;
/** An encoder that takes so much no more is stuck; sound of so long ago is nobody's any more. */
const MOST_QUEUED = 256 * 1024;
/** Input that lies this far from where the encoder's clock is: the camera's sound had a gap. */
const JUMP_MS = 60;
const AAC_FRAME = 1024;

export interface OpusSoundOptions {
  streams: Pick<StreamHost, 'subscribe'>;
  clock: Clock;
  log: Log;
  ffmpegPath: string;
}

/** Opus of cameras that send AAC: one encoder a camera, while somebody listens. */
export class OpusSound implements Part {
  readonly #options: OpusSoundOptions;
  readonly #cameras = new Map<string, Encoding>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: OpusSoundOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const camera of [...this.#cameras.keys()]) this.#end(camera);
    await Promise.all(this.#closing);
  }

  /** Hands on Opus packets, `pts` in ms of the stream, until closed; throws what subscribing throws. */
  listen(camera: string, onPacket: (unit: AudioUnit) => void): () => void {
    const encoding = this.#cameras.get(camera) ?? new Encoding(camera, this.#options);
    this.#cameras.set(camera, encoding);
    // An own function for each: the same one given twice would be one listener.
    const listener = (unit: AudioUnit) => onPacket(unit);
    encoding.listeners.add(listener);
    return () => {
      if (encoding.listeners.delete(listener) && encoding.listeners.size === 0) this.#end(camera);
    };
  }

  #end(camera: string): void {
    const encoding = this.#cameras.get(camera);
    if (!encoding) return;
    this.#cameras.delete(camera);
    const closing = encoding.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

interface Encoder {
  child: ChildProcess;
  config: Buffer;
  rate: number;
  /** samples of AAC that went in */
  taken: number;
  /** ms of the stream at which the encoder's clock began */
  beganMs: number | undefined;
}

/** The sound of one camera. */
class Encoding {
  readonly listeners = new Set<(unit: AudioUnit) => void>();
  readonly #camera: string;
  readonly #options: OpusSoundOptions;
  readonly #subscription: StreamSubscription;
  readonly #pause = new RestartPause();
  readonly #ending = new Set<Promise<unknown>>();
  #encoder: Encoder | undefined;
  #format: AudioFormat | undefined;
  #restsUntilMs = 0;

  constructor(camera: string, options: OpusSoundOptions) {
    this.#camera = camera;
    this.#options = options;
    this.#subscription = options.streams.subscribe(camera, {
      onFormat: ({ audio }) => {
        this.#format = audio;
        if (!audio?.config || !this.#encoder?.config.equals(audio.config)) this.#stopEncoder();
      },
      onVideo() {},
      onAudio: (unit) => this.#take(unit),
      onGap: () => this.#stopEncoder(),
    });
  }

  async close(): Promise<void> {
    this.#subscription.close();
    this.#stopEncoder();
    await Promise.all(this.#ending);
  }

  #take({ data, pts }: AudioUnit): void {
    const { codec, config, sampleRate } = this.#format ?? {};
    if (codec !== 'aac' || !config || !sampleRate) return;
    const frame = toAdts(data, config);
    if (!frame || this.#options.clock.monotonicMs() < this.#restsUntilMs) return;
    this.#encoder ??= this.#start(config, sampleRate);
    const encoder = this.#encoder;
    const beganMs = pts - (encoder.taken * 1000) / encoder.rate;
    if (encoder.beganMs === undefined || Math.abs(beganMs - encoder.beganMs) > JUMP_MS) encoder.beganMs = beganMs;
    const { stdin } = encoder.child;
    if (!stdin || stdin.writableLength > MOST_QUEUED) {
      this.#stopEncoder();
      return;
    }
    encoder.taken += AAC_FRAME;
    stdin.write(frame);
  }

  #start(config: Buffer, rate: number): Encoder {
    const { ffmpegPath, log, clock } = this.#options;
    const input = ['-probesize', '32', '-analyzeduration', '0', '-fflags', 'nobuffer', '-f', 'aac', '-i', 'pipe:0'];
    const code = ['-c:a', 'libopus', '-b:a', `${BITS_PER_SECOND}`, '-ar', '48000', '-frame_duration', '20'];
    const output = ['-flush_packets', '1', '-page_duration', '20000', '-f', 'ogg', 'pipe:1'];
    const child = spawn(ffmpegPath, [...FFMPEG_QUIET, ...input, ...code, ...output], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const encoder: Encoder = { child, config, rate, taken: 0, beganMs: undefined };
    const stderr = tailOf(child);
    const reader = new OggReader({
      onHead() {},
      onPacket: (data, at) => {
        if (this.#encoder !== encoder || encoder.beganMs === undefined) return;
        this.#pause.reset();
        const pts = encoder.beganMs + opusMs(at);
        for (const listener of [...this.listeners]) listener({ data, pts });
      },
    });
    child.stdin?.on('error', () => child.stdin?.destroy());
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        log.warn('the sound could not be read', { camera: this.#camera, error });
        child.kill('SIGKILL');
      }
    });
    const over = () => {
      this.#ending.delete(gone);
      if (this.#encoder !== encoder) return;
      log.warn('the sound could not be encoded', { camera: this.#camera, reason: explainFfmpeg(stderr()) });
      this.#encoder = undefined;
      this.#restsUntilMs = clock.monotonicMs() + this.#pause.next();
    };
    const gone: Promise<unknown> = ended(child, ffmpegPath).then(over, over);
    this.#ending.add(gone);
    return encoder;
  }

  #stopEncoder(): void {
    const encoder = this.#encoder;
    this.#encoder = undefined;
    encoder?.child.kill('SIGKILL');
  }
}
