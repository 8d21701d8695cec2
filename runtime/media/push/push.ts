import { toAppError } from '../../contracts/errors.ts';
import type { Clock, Log, Release } from '../../contracts/host.ts';
import type { IceServer } from '../../contracts/live.ts';
import type { PushSpec, PushState, PushStatus } from '../../contracts/pushes.ts';
import type { StreamHost } from '../../contracts/streams.ts';
import { Backoff } from '../../lib/backoff.ts';
import { RateMeter } from '../stream/rate-meter.ts';
import type { SoundOf } from '../whep/session-sound.ts';
import type { StartWhipPeer } from '../whip/peer.ts';
import { WhipAttempt } from '../whip/whip-attempt.ts';
import { Attempt } from './attempt.ts';
import { type Destination, isWhip, readDestination } from './destination.ts';
import { readKeyFile } from './key-file.ts';
import type { AttemptEnd, AttemptEvents, PushAttempt } from './push-attempt.ts';
import type { PushLaunch, PushProcess } from './push-process.ts';
import { without } from './reason.ts';
import type { ReceiveWindows } from './receive-windows.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
const HEALTHY_MS = 60_000;
/** While nobody listens at the destination, so often it is found out whether somebody does. */
const KNOCK_MS = 1000;
const MOST_ANSWERS = 3;

/** Where a destination comes from. */
export interface DestinationSource {
  url?: string | undefined;
  key?: string | undefined;
  keyFile?: string | undefined;
}

export type PushStreams = Pick<StreamHost, 'subscribe' | 'keepWarm'>;

export interface PushParts {
  /** asked for at each connection: a device loads them only when they are needed */
  streams: () => Promise<PushStreams>;
  clock: Clock;
  log: Log;
  ffmpegPath: string;
  /** 0700 */
  folder: string;
  caFile: string | undefined;
  /** for pushes that name no destination */
  fallback: DestinationSource;
  random: () => number;
  startProcess: (launch: PushLaunch) => Promise<PushProcess>;
  startPeer: StartWhipPeer;
  /** Opus of cameras that send AAC, for WHIP; without it those go out silent */
  opus?: (() => Promise<SoundOf>) | undefined;
  /** for WHIP, with fresh credentials */
  iceServers: () => readonly IceServer[];
  windows?: Pick<ReceiveWindows, 'watch'> | undefined;
  knock: (host: string, port: number, signal: AbortSignal) => Promise<boolean>;
  /** The host's camera behind a name; throws `camera.not_found`. */
  resolve: (camera: string) => string;
}

/** One push: while it is wanted it comes back from whatever happens to camera, destination and ffmpeg. */
export class Push {
  #spec: PushSpec;
  readonly #parts: PushParts;
  readonly #onChange: () => void;
  readonly #backoff: Backoff;
  readonly #rate = new RateMeter();
  #wanted = false;
  #state: PushState = 'idle';
  #reason: string | undefined;
  #since: number;
  #retryAt: number | undefined;
  #attempt: PushAttempt | undefined;
  #destination: Destination | undefined;
  /** what has to be gone before the next connection: the same key may not be pushed twice */
  #ending: Promise<unknown> = Promise.resolve();
  #cancelPause = () => {};
  #letGo: Release = () => undefined;
  readonly #named: { servers: readonly IceServer[] } = { servers: [] };
  /** of attempts that are over */
  #bytesBefore = 0;
  #discardedBefore = 0;
  #bytes = 0;
  #attempts = 0;
  #liveMs: number | undefined;

  /** Throws `push.invalid` for a destination that could never work. */
  constructor(spec: PushSpec, parts: PushParts, onChange: () => void) {
    this.#spec = spec;
    this.#parts = parts;
    this.#onChange = onChange;
    this.#since = parts.clock.now();
    this.#backoff = new Backoff({ firstMs: FIRST_PAUSE_MS, maxMs: LONGEST_PAUSE_MS, random: parts.random });
    if (this.#source().keyFile === undefined || spec.url) this.#destination = shownAtLeast(this.#source());
  }

  get spec(): PushSpec {
    return this.#spec;
  }

  /** Another name; what is on goes on. */
  rename(name: string): void {
    this.#spec = { ...this.#spec, name };
  }

  /** Does not connect before that is over. */
  follow(ending: Promise<void>): void {
    this.#ending = Promise.all([this.#ending, ending]);
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#backoff.reset();
    this.#try();
  }

  /** Switches it off; resolves when nothing of it is left. May be called twice. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#cancelPause();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#count(attempt);
    this.#letGo();
    if (attempt) this.#ending = Promise.all([this.#ending, attempt.stop()]);
    this.#show('idle');
    await this.#ending;
  }

  status(): PushStatus {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const pid = this.#attempt?.pid;
    return {
      name: this.spec.name,
      camera: this.#camera(),
      url: this.#destination?.shown ?? '',
      state: this.#state,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      wanted: this.#wanted,
      since: this.#since,
      ...(this.#retryAt !== undefined && { retryAt: this.#retryAt }),
      bytes: this.#bytesBefore + this.#bytes,
      bitsPerSecond: this.#state === 'live' ? this.#rate.read(nowMs).bitsPerSecond : 0,
      uptimeMs: this.#liveMs === undefined ? 0 : Math.round(nowMs - this.#liveMs),
      restarts: Math.max(0, this.#attempts - 1),
      discarded: this.#discardedBefore + (this.#attempt?.discarded ?? 0),
      ...(pid !== undefined && { pid }),
    };
  }

  #camera(): string {
    try {
      return this.#parts.resolve(this.spec.camera);
    } catch {
      return this.spec.camera;
    }
  }

  #try(): void {
    this.#cancelPause();
    this.#retryAt = undefined;
    this.#show('connecting');
    this.#prepare()
      .then(({ destination, streams }) => {
        if (this.#wanted && !this.#attempt) this.#connect(destination, streams);
      })
      .catch((error: unknown) => this.#ended({ kind: 'impossible', reason: toAppError(error).message }));
  }

  /** What the spec says, or this host's own destination when it says nothing. */
  #source(): DestinationSource {
    const { url, key, keyFile } = this.spec;
    return url || keyFile
      ? { url, key, keyFile: keyFile || undefined }
      : { ...this.#parts.fallback, ...(key && { key }) };
  }

  /** The destination as it is now: a key file may have been written anew since. */
  async #prepare(): Promise<{ destination: Destination; streams: PushStreams }> {
    const { url, key, keyFile } = this.#source();
    const { insecure } = this.spec;
    await this.#ending;
    const file = keyFile === undefined ? {} : await readKeyFile(keyFile);
    const destination = readDestination(url || file.url || '', key || file.key);
    if (destination.scheme === 'rtmps' && !insecure && this.#parts.caFile === undefined)
      throw new Error('there are no trusted certificates here: "apt install ca-certificates" brings them');
    this.#destination = destination;
    return { destination, streams: await this.#parts.streams() };
  }

  #connect(destination: Destination, streams: PushStreams): void {
    const camera = this.#parts.resolve(this.spec.camera);
    // Held between attempts too: the camera runs on, and the next connection begins with what it has.
    const before = this.#letGo;
    this.#letGo = streams.keepWarm(camera);
    before();
    this.#attempts += 1;
    const attempt = this.#attemptAt(destination, camera, streams);
    this.#attempt = attempt;
    attempt.begin();
  }

  #attemptAt(destination: Destination, camera: string, streams: PushStreams): PushAttempt {
    const { clock, ffmpegPath, folder, startProcess, startPeer, windows } = this.#parts;
    const { sound = 'auto', insecure } = this.spec;
    const caFile = insecure ? undefined : this.#parts.caFile;
    const events: AttemptEvents = {
      onChange: () => this.#look(),
      onProgress: ({ bytes }) => {
        this.#rate.add(Math.max(0, bytes - this.#bytes), clock.monotonicMs());
        this.#bytes = bytes;
      },
      onEnd: (end) => this.#ended(end),
    };
    const common = { camera, sound, streams, clock, ...events };
    if (!isWhip(destination))
      return new Attempt({ ...common, launch: { ffmpegPath, destination, folder, caFile }, startProcess, windows });
    const { endpoint, bearer } = destination;
    const { opus, iceServers } = this.#parts;
    const to = { endpoint, bearer, caFile, insecure };
    return new WhipAttempt({ ...common, to, startPeer, opus, iceServers, named: this.#named });
  }

  #look(): void {
    const attempt = this.#attempt;
    if (!attempt) return;
    if (attempt.awayReason !== undefined) this.#show('waiting', `the camera: ${attempt.awayReason}`);
    else if (attempt.isLive) this.#show('live');
    else this.#show('connecting');
  }

  #ended(end: AttemptEnd): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#count(attempt);
    if (attempt) this.#ending = Promise.all([this.#ending, attempt.gone]);
    if (!this.#wanted) return;
    const { clock, log } = this.#parts;
    const wasHealthy = this.#liveMs !== undefined && clock.monotonicMs() - this.#liveMs >= HEALTHY_MS;
    if (wasHealthy) this.#backoff.reset();
    if (end.kind === 'renew') {
      this.#show('connecting', end.reason);
      this.#try();
      return;
    }
    if (end.kind === 'stalled') this.#show('stalled', end.reason);
    const pauseMs =
      end.kind === 'impossible' ? Math.max(this.#backoff.next(), LONGEST_PAUSE_MS / 6) : this.#backoff.next();
    log.warn('a push is off the air', {
      push: this.spec.name,
      camera: this.spec.camera,
      reason: end.reason,
      pause_ms: pauseMs,
    });
    this.#retryAt = clock.now() + pauseMs;
    this.#show(end.kind === 'impossible' ? 'failed' : 'waiting', end.reason);
    this.#pause(pauseMs, end.kind);
  }

  /**
   * Waits. Meanwhile it is found out whether somebody listens at the address: where nobody did, the next try begins as soon as somebody
   * does, however long the pause. A destination that is there and does not want the push is asked a few times only.
   */
  #pause(ms: number, kind: AttemptEnd['kind']): void {
    const { clock, knock } = this.#parts;
    const over = new AbortController();
    const cancels = [clock.after(ms, () => this.#try())];
    this.#cancelPause = () => {
      over.abort();
      for (const cancel of cancels) cancel();
    };
    const destination = this.#destination;
    if (kind === 'impossible' || !destination) return;
    let wasAbsent = kind === 'absent';
    let answers = 0;
    const ask = () => {
      void knock(destination.host, destination.port, over.signal).then((isThere) => {
        if (over.signal.aborted) return;
        if (isThere && wasAbsent) {
          this.#try();
          return;
        }
        if (isThere) answers += 1;
        else wasAbsent = true;
        if (answers < MOST_ANSWERS || kind === 'stalled') cancels.push(clock.after(KNOCK_MS, ask));
      });
    };
    // At once: a server that was killed and is back within a second would not be missed otherwise.
    if (wasAbsent) cancels.push(clock.after(KNOCK_MS, ask));
    else ask();
  }

  #count(attempt: PushAttempt | undefined): void {
    this.#discardedBefore += attempt?.discarded ?? 0;
    this.#bytesBefore += this.#bytes;
    this.#bytes = 0;
  }

  #show(state: PushState, reason?: string): void {
    const { clock, log } = this.#parts;
    const words = reason === undefined ? undefined : without(reason, this.#destination?.secrets ?? []);
    if (state === this.#state && words === this.#reason) return;
    if (state !== this.#state) {
      this.#since = clock.now();
      if (state === 'live') {
        this.#liveMs = clock.monotonicMs();
        log.info('a push is on the air', {
          push: this.spec.name,
          camera: this.#camera(),
          to: this.#destination?.shown,
        });
      } else {
        this.#liveMs = undefined;
        this.#rate.reset();
      }
    }
    this.#state = state;
    this.#reason = words;
    this.#onChange();
  }
}

/** Checks what can be checked now; a key file may still bring the key. */
function shownAtLeast({ url = '', key, keyFile }: DestinationSource): Destination {
  return readDestination(url, key || (keyFile === undefined ? undefined : 'from-the-file'));
}
