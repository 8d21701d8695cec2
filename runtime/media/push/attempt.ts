import { toAppError } from '../../contracts/errors.ts';
import type { Clock, Release } from '../../contracts/host.ts';
import type { PushSound } from '../../contracts/pushes.ts';
import type { StreamFormat, StreamHost, StreamSubscription } from '../../contracts/streams.ts';
import { sayHowToInstall } from '../ffmpeg.ts';
import { FlvWriter, type SoundSource } from './flv-writer.ts';
import { Lateness } from './lateness.ts';
import { PacedFeed } from './paced-feed.ts';
import type { Progress } from './progress.ts';
import type { AttemptEnd, AttemptEvents, PushAttempt } from './push-attempt.ts';
import type { PushLaunch, PushProcess } from './push-process.ts';
import { explainPush, isAbsent } from './reason.ts';
import type { ReceiveWindows } from './receive-windows.ts';

/** A live destination takes pictures at least so often; with what socket buffers swallow a frozen one is found within 5 s. */
const STALL_MS = 1500;
/** Looking up, connecting, TLS and RTMP's handshakes. */
const CONNECT_MS = 10_000;
/** As long for one that was just seen reading. */
const SLOW_MS = 8000;
const READING_MS = 1500;
const LOOK_MS = 250;
/** A camera that is away for longer lets the destination go; its next picture makes a new connection. */
const GAP_MS = 10_000;
/** The destination is so far behind, in the stream's time: pictures are left out up to the next key frame, so that what it shows stays live. */
const MOST_LATE_MS = 4000;
/** So much waits at the most, whatever its time: a whole group of pictures fits in. */
const MOST_QUEUED = 12 * 1024 * 1024;
/** FLV's clock has 31 bits of ms, 24 days: before they are over the connection is made anew. */
const LONGEST_MS = 20 * 86_400_000;

export interface AttemptOptions extends AttemptEvents {
  camera: string;
  sound: PushSound;
  streams: Pick<StreamHost, 'subscribe'>;
  clock: Clock;
  launch: Omit<PushLaunch, 'clock' | 'onProgress'>;
  startProcess: (launch: PushLaunch) => Promise<PushProcess>;
  /** what the sockets tell of the destination; without it a frozen one is felt once the buffers are full */
  windows?: Pick<ReceiveWindows, 'watch'> | undefined;
}

/**
 * One connection: reads the camera from its last key frame on, feeds one ffmpeg, and watches that it gets rid of what it is fed.
 * `gone` resolves when nothing of it is left.
 */
export class Attempt implements PushAttempt {
  readonly #options: AttemptOptions;
  readonly #feed: PacedFeed;
  readonly #lateness = new Lateness();
  #process: PushProcess | undefined;
  #subscription: StreamSubscription | undefined;
  #writer: FlvWriter | undefined;
  #generation: number | undefined;
  #isOver = false;
  #cancelLook = () => {};
  #unwatch: Release = () => undefined;
  #frames = 0;
  #taken = 0;
  /** monotonic ms: pictures went out, bytes were taken, a picture was given, the camera went away */
  #sentMs = 0;
  #takenMs = 0;
  #givenMs: number | undefined;
  #beganMs = 0;
  /** the destination was seen reading */
  #readMs = -Infinity;
  #away: { reason: string; sinceMs: number } | undefined;
  readonly gone: Promise<void>;
  #settle = () => {};

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#feed = new PacedFeed(options.clock);
    this.gone = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get isLive(): boolean {
    return this.#frames > 0 && !this.#isOver;
  }

  get pid(): number | undefined {
    return this.#isOver ? undefined : this.#process?.pid;
  }

  /** why no picture comes from the camera; undefined while they come */
  get awayReason(): string | undefined {
    return this.#away?.reason;
  }

  get discarded(): number {
    return this.#subscription?.discarded ?? 0;
  }

  begin(): void {
    const { streams, camera, clock } = this.#options;
    try {
      this.#subscription = streams.subscribe(camera, {
        onFormat: (format) => this.#format(format),
        onVideo: (unit) => {
          if (this.#isOver) return;
          const nowMs = clock.monotonicMs();
          if (this.#away || this.#givenMs === undefined) this.#sentMs = this.#takenMs = nowMs;
          this.#givenMs = nowMs;
          if (this.#away) this.#back();
          this.#writer?.video(unit);
        },
        onAudio: (unit) => {
          if (!this.#isOver) this.#writer?.audio(unit);
        },
        isFull: () => this.#isBehind(),
        onGap: (reason) => this.#lost(reason),
        onEnd: () => this.#over({ kind: 'impossible', reason: 'the camera was removed' }),
      });
    } catch (thrown) {
      this.#over({ kind: 'impossible', reason: toAppError(thrown).message });
    }
  }

  /** Lets the destination know the end, and waits for that. */
  stop(): Promise<void> {
    if (!this.#isOver) this.#close('end');
    return this.gone;
  }

  /** bytes on their way into the process */
  get #queued(): number {
    return this.#feed.waiting + (this.#process?.backlog ?? 0);
  }

  #isBehind(): boolean {
    return this.#queued > MOST_QUEUED || this.#lateness.ms(this.#process?.taken ?? 0) > MOST_LATE_MS;
  }

  #format(format: StreamFormat): void {
    if (this.#isOver) return;
    if (this.#generation !== undefined) {
      this.#over({ kind: 'renew', reason: 'the camera sends another format' });
      return;
    }
    this.#generation = format.generation;
    this.#beganMs = this.#options.clock.monotonicMs();
    this.#writer = new FlvWriter(format, soundOf(this.#options.sound, format), (bytes, ms) => {
      this.#feed.push(bytes, ms);
    });
    const { startProcess, launch, clock } = this.#options;
    this.#look();
    startProcess({ ...launch, clock, onProgress: (progress) => this.#progress(progress) }).then(
      (process) => this.#started(process),
      (error: unknown) => {
        this.#over({ kind: 'impossible', reason: toAppError(error).message });
        this.#settle();
      },
    );
  }

  #started(process: PushProcess): void {
    this.#process = process;
    void process.gone.then(({ stderr, error }) => {
      this.#settle();
      if (error) this.#over({ kind: 'impossible', reason: sayHowToInstall(error).message });
      else {
        const { app, playpath } = this.#options.launch.destination;
        const kind = isAbsent(stderr) && !this.isLive ? 'absent' : 'ended';
        this.#over({ kind, reason: explainPush(stderr, [playpath, app]) });
      }
    });
    // It was given up while its key was being written.
    if (this.#isOver) process.kill();
    else {
      this.#feed.open((bytes, ms) => {
        this.#lateness.give(bytes.length, ms);
        process.write(bytes);
      });
      this.#options.onChange();
    }
  }

  #progress(progress: Progress): void {
    if (this.#isOver) return;
    this.#options.onProgress(progress);
    if (progress.frames <= this.#frames) return;
    const wasLive = this.isLive;
    this.#frames = progress.frames;
    this.#sentMs = this.#options.clock.monotonicMs();
    if (wasLive) return;
    this.#takenMs = this.#sentMs;
    this.#watchReader();
    this.#options.onChange();
  }

  /** What the sockets tell of the program at the other end, which is more than that they take what is sent. */
  #watchReader(): void {
    const { windows, launch, clock } = this.#options;
    const pid = this.#process?.pid;
    if (!windows || pid === undefined) return;
    this.#unwatch = windows.watch(pid, launch.destination.port, {
      onRead: () => {
        this.#readMs = clock.monotonicMs();
      },
      onStuck: () => {
        if (!this.#away) this.#over({ kind: 'stalled', reason: 'the destination reads nothing any more' });
      },
    });
  }

  #lost(reason: string): void {
    if (this.#isOver) return;
    this.#away = { reason, sinceMs: this.#away?.sinceMs ?? this.#options.clock.monotonicMs() };
    this.#options.onChange();
  }

  #back(): void {
    this.#away = undefined;
    this.#options.onChange();
  }

  /** Looks whether it goes on: frames out, and bytes taken by ffmpeg, whichever stops first. */
  #look(): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const taken = this.#process?.taken ?? 0;
    if (taken !== this.#taken || (this.#process?.backlog ?? 0) === 0) this.#takenMs = nowMs;
    this.#taken = taken;
    const trouble = this.#troubleAt(nowMs);
    if (trouble) this.#over(trouble);
    else this.#cancelLook = clock.after(LOOK_MS, () => this.#look());
  }

  #troubleAt(nowMs: number): AttemptEnd | undefined {
    if (this.#away)
      return nowMs - this.#away.sinceMs > GAP_MS ? { kind: 'renew', reason: this.#away.reason } : undefined;
    if (nowMs - this.#beganMs > LONGEST_MS) return { kind: 'renew', reason: 'made anew after 20 days' };
    if (!this.isLive)
      return nowMs - this.#beganMs > CONNECT_MS
        ? { kind: 'stalled', reason: `the destination did not begin within ${CONNECT_MS / 1000} s` }
        : undefined;
    const wasGiven = this.#givenMs !== undefined && this.#givenMs > this.#sentMs;
    const quietMs = Math.max(wasGiven ? nowMs - this.#sentMs : 0, nowMs - this.#takenMs);
    // One that reads is slow, not frozen: a large key frame may take a while on its line.
    if (quietMs > (nowMs - this.#readMs < READING_MS ? SLOW_MS : STALL_MS))
      return { kind: 'stalled', reason: 'the destination takes nothing any more' };
    return undefined;
  }

  #over(end: AttemptEnd): void {
    if (this.#isOver) return;
    this.#close(end.kind === 'renew' ? 'end' : 'kill');
    this.#options.onEnd(end);
  }

  #close(how: 'end' | 'kill'): void {
    this.#isOver = true;
    this.#cancelLook();
    this.#unwatch();
    this.#feed.close();
    this.#subscription?.close();
    if (this.#process) this.#process[how]();
    else if (this.#generation === undefined) this.#settle();
  }
}

function soundOf(wanted: PushSound, { audio }: StreamFormat): SoundSource {
  if (wanted === 'none' || wanted === 'silent') return wanted;
  const isCarried = audio?.codec === 'aac' && (audio.config?.length ?? 0) >= 2;
  if (isCarried) return 'camera';
  return wanted === 'auto' ? 'silent' : 'none';
}
