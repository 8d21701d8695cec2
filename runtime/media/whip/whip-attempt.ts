import { randomBytes } from 'node:crypto';
import { toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { IceServer } from '../../contracts/live.ts';
import type { PushSound } from '../../contracts/pushes.ts';
import type { StreamFormat, StreamHost, StreamReader, StreamSubscription } from '../../contracts/streams.ts';
import type { AttemptEnd, AttemptEvents, PushAttempt } from '../push/push-attempt.ts';
import type { SentMedia } from '../whep/engine.ts';
import { PacedSender } from '../whep/paced-sender.ts';
import { readRtcp } from '../whep/rtcp.ts';
import { RtpTimeline } from '../whep/rtp-timeline.ts';
import { SessionSound, type SoundOf } from '../whep/session-sound.ts';
import { closeSession, openSession, type WhipEndpoint, WhipRefusal } from './http.ts';
import type { StartWhipPeer, WhipPeer } from './peer.ts';
import { relaysAmong } from './relays.ts';

const LOOK_MS = 250;
/** From the first picture to an open connection: HTTP, ICE, DTLS. */
const CONNECT_MS = 12_000;
/** So long without a connection, and a relay that the other side names is taken. */
const RELAY_AFTER_MS = 3000;
/** A receiver reports about once a second (RFC 3550 §6.2 with AVPF); one that reported and is silent for so long is frozen or gone. */
const SILENT_MS = 4000;
/** A camera that is away for longer lets the destination go; its next picture makes a new connection. */
const GAP_MS = 10_000;
const REPLAY_EVERY_MS = 1000;
/** All browsers offer it, and LiveKit's and MediaMTX' ingests take it; what is sent may be of another profile (measured: it plays). */
const H264 = 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1';

export interface WhipAttemptOptions extends AttemptEvents {
  camera: string;
  sound: PushSound;
  streams: Pick<StreamHost, 'subscribe'>;
  clock: Clock;
  to: WhipEndpoint;
  startPeer: StartWhipPeer;
  /** Opus of cameras that send AAC; without it those go out silent */
  opus?: (() => Promise<SoundOf>) | undefined;
  /** our own, with fresh credentials */
  iceServers: () => readonly IceServer[];
  /** those that the destination named last: the engine takes none once it has made its offer, so they count from the next attempt on */
  named: { servers: readonly IceServer[] };
}

/** One WHIP session: connects when the camera sends, and watches that what goes out arrives. */
export class WhipAttempt implements PushAttempt {
  readonly gone: Promise<void>;
  readonly #options: WhipAttemptOptions;
  readonly #sender: PacedSender;
  readonly #timeline = new RtpTimeline(randomBytes(4).readUInt32BE());
  #settle = () => {};
  #subscription: StreamSubscription | undefined;
  #format: StreamFormat | undefined;
  #sound: SessionSound | undefined;
  #sent: SentMedia | undefined;
  #peer: WhipPeer | undefined;
  #location: string | undefined;
  #state: 'waiting' | 'connecting' | 'open' | 'over' = 'waiting';
  #cancelLook = () => {};
  #connectingMs = 0;
  /** when an answer named relays that this connection does not know */
  #relaysMs: number | undefined;
  #lostMs: number | undefined;
  #away: { reason: string; sinceMs: number } | undefined;
  #replayedMs = Number.NEGATIVE_INFINITY;
  /** the other side reports what arrives */
  #reports = false;
  /** when the first picture went out after its last report, and after the last one that told of an arrival */
  #unheardMs: number | undefined;
  #unseenMs: number | undefined;
  #highest = -1;
  #frames = 0;
  /** that it is live */
  #isTold = false;
  #bytes = 0;
  #discarded = 0;

  constructor(options: WhipAttemptOptions) {
    this.#options = options;
    this.#sender = new PacedSender(options.clock, ({ annexB, pts }) => {
      if (!this.#peer?.sendVideo(annexB, this.#timeline.at(pts))) return;
      this.#frames += 1;
      this.#bytes += annexB.length;
      this.#unheardMs ??= options.clock.monotonicMs();
      this.#unseenMs ??= this.#unheardMs;
    });
    this.gone = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get isLive(): boolean {
    return this.#state === 'open' && this.#frames > 0;
  }

  /** No process of its own. */
  get pid(): undefined {
    return undefined;
  }

  get awayReason(): string | undefined {
    return this.#away?.reason;
  }

  get discarded(): number {
    return this.#discarded + (this.#subscription?.discarded ?? 0);
  }

  begin(): void {
    this.#subscribe();
    this.#look();
  }

  stop(): Promise<void> {
    if (this.#state !== 'over') this.#close();
    return this.gone;
  }

  /** Attaches, or attaches anew: the host gives the last key frame and all since. */
  #subscribe(): void {
    const { streams, camera, clock } = this.#options;
    const old = this.#subscription;
    this.#discarded += old?.discarded ?? 0;
    this.#subscription = undefined;
    this.#replayedMs = clock.monotonicMs();
    try {
      this.#subscription = streams.subscribe(camera, this.#reader());
    } catch (thrown) {
      this.#over({ kind: 'impossible', reason: toAppError(thrown).message });
    }
    old?.close();
    if (this.#state === 'over') this.#subscription?.close();
  }

  #reader(): StreamReader {
    return {
      onFormat: (format) => this.#onFormat(format),
      onVideo: (unit) => {
        if (this.#away) this.#back();
        if (this.#state === 'waiting') this.#connect();
        if (this.#state === 'open') this.#sender.push(unit);
      },
      onAudio: (unit) => this.#sound?.pass(unit),
      isFull: () => this.#sender.isFull,
      onGap: (reason) => this.#lost(reason),
      onEnd: () => this.#over({ kind: 'impossible', reason: 'the camera was removed' }),
    };
  }

  #onFormat(format: StreamFormat): void {
    const before = this.#format;
    this.#format = format;
    if (format.video.hasBFrames)
      this.#over({
        kind: 'impossible',
        reason: 'the camera sends B-frames, which WebRTC cannot carry: push it by RTMP',
      });
    else if (before && this.#isHeard(before) !== this.#isHeard(format) && this.#wantsSound)
      this.#over({ kind: 'renew', reason: 'the camera sends another format' });
    else this.#sound?.follow(format.audio);
  }

  #connect(): void {
    this.#state = 'connecting';
    this.#connectingMs = this.#options.clock.monotonicMs();
    this.#negotiate().catch((thrown: unknown) => {
      const kind = thrown instanceof WhipRefusal && thrown.kind === 'absent' ? 'absent' : 'ended';
      this.#over({ kind, reason: toAppError(thrown).message });
    });
  }

  async #negotiate(): Promise<void> {
    const { startPeer, to, clock, iceServers, named, opus } = this.#options;
    const encoder = this.#format?.audio?.codec === 'aac' && this.#wantsSound ? await opus?.() : undefined;
    if (this.#isOver()) return;
    const sent = this.#media(encoder);
    this.#sent = sent;
    const known = [...named.servers, ...iceServers()];
    const events = {
      onState: (state: 'open' | 'lost' | 'closed') => this.#onState(state),
      onRtcp: (packet: Buffer) => this.#onRtcp(packet),
    };
    const peer = await startPeer(sent, events, known);
    if (this.#isOver()) return peer.close();
    this.#peer = peer;
    const offer = await peer.offer();
    if (this.#isOver()) return;
    const { answer, location, iceServers: told } = await openSession(to, offer, clock);
    this.#location = location;
    named.servers = told;
    if (relaysAmong(told).some(({ url }) => !known.some((one) => one.url === url)))
      this.#relaysMs = clock.monotonicMs();
    // It was given up meanwhile: the session that came about all the same is ended.
    if (this.#isOver()) return this.#leave();
    peer.accept(answer);
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  get #wantsSound(): boolean {
    const { sound } = this.#options;
    return sound === 'auto' || sound === 'camera';
  }

  /** Opus as it comes, AAC where somebody makes Opus of it. */
  #isHeard({ audio }: StreamFormat): boolean {
    return audio?.codec === 'opus' || (audio?.codec === 'aac' && this.#options.opus !== undefined);
  }

  #media(encoder: SoundOf | undefined): SentMedia {
    const { camera } = this.#options;
    const ssrc = randomBytes(4).readUInt32BE() || 1;
    const cname = `redeye-${randomBytes(4).toString('hex')}`;
    const video = { mid: '0', payloadType: 96, fmtp: H264, ssrc, cname };
    if (!this.#format || !this.#isHeard(this.#format) || !this.#wantsSound) return { video };
    const audio = {
      mid: '1',
      payloadType: 111,
      rtpmap: 'opus/48000/2',
      clockRate: 48_000,
      fmtp: 'minptime=10;useinbandfec=1;stereo=1',
      ssrc: (ssrc + 1) % 2 ** 32 || 1,
      cname,
    };
    this.#sound = new SessionSound({
      camera,
      audio,
      sound: encoder ?? { listen: () => () => {} },
      timeOffset: randomBytes(4).readUInt32BE(),
      send: (packet, timestamp) => {
        if (this.#peer?.sendAudio(packet, timestamp)) this.#bytes += packet.length;
      },
    });
    this.#sound.follow(this.#format?.audio);
    return { video, audio };
  }

  #onState(state: 'open' | 'lost' | 'closed'): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (state === 'closed') this.#over({ kind: 'ended', reason: 'the destination closed the connection' });
    this.#lostMs = state === 'lost' ? nowMs : undefined;
    if (state !== 'open' || this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#subscribe();
    this.#sound?.start();
    this.#options.onChange();
  }

  #onRtcp(packet: Buffer): void {
    if (!this.#sent || this.#state !== 'open') return;
    const nowMs = this.#options.clock.monotonicMs();
    this.#lostMs = undefined;
    const { report, wantsKey } = readRtcp(packet, this.#sent.video.ssrc);
    if (report) {
      this.#reports = true;
      this.#unheardMs = undefined;
      if (report.highest !== this.#highest) this.#unseenMs = undefined;
      this.#highest = report.highest;
    }
    // While a replay is on its way another one would only push it further back.
    if (wantsKey && nowMs - this.#replayedMs >= REPLAY_EVERY_MS && this.#sender.isIdle) this.#subscribe();
  }

  #lost(reason: string): void {
    if (this.#state === 'over') return;
    this.#sender.clear();
    this.#away = { reason, sinceMs: this.#away?.sinceMs ?? this.#options.clock.monotonicMs() };
    this.#options.onChange();
  }

  #back(): void {
    this.#away = undefined;
    this.#options.onChange();
  }

  #look(): void {
    const { clock, onProgress, onChange } = this.#options;
    onProgress({ frames: this.#frames, bytes: this.#bytes });
    if (!this.#isTold && this.isLive) {
      this.#isTold = true;
      onChange();
    }
    const trouble = this.#troubleAt(clock.monotonicMs());
    if (trouble) this.#over(trouble);
    else if (this.#state !== 'over') this.#cancelLook = clock.after(LOOK_MS, () => this.#look());
  }

  #troubleAt(nowMs: number): AttemptEnd | undefined {
    if (this.#state === 'connecting' && this.#relaysMs !== undefined && nowMs - this.#relaysMs > RELAY_AFTER_MS)
      return { kind: 'renew', reason: 'not reached directly; now through the relay that the destination names' };
    if (this.#state === 'connecting')
      return nowMs - this.#connectingMs > CONNECT_MS
        ? { kind: 'stalled', reason: 'the destination answered, but no connection came about: is its UDP port open?' }
        : undefined;
    if (this.#state !== 'open') return undefined;
    const stalled = { kind: 'stalled', reason: 'the destination takes nothing any more' } as const;
    if (this.#lostMs !== undefined && nowMs - this.#lostMs > SILENT_MS) return stalled;
    if (this.#away)
      return nowMs - this.#away.sinceMs > GAP_MS ? { kind: 'renew', reason: this.#away.reason } : undefined;
    const waited = (sinceMs: number | undefined) => (sinceMs === undefined ? 0 : nowMs - sinceMs);
    if (this.#reports && Math.max(waited(this.#unheardMs), waited(this.#unseenMs)) > SILENT_MS) return stalled;
    return undefined;
  }

  #over(end: AttemptEnd): void {
    if (this.#state === 'over') return;
    this.#close();
    this.#options.onEnd(end);
  }

  #close(): void {
    const hasBegun = this.#state === 'open' || (this.#state === 'connecting' && this.#location !== undefined);
    this.#state = 'over';
    this.#cancelLook();
    this.#sender.clear();
    this.#sound?.close();
    this.#subscription?.close();
    if (hasBegun) void this.#leave();
    else {
      this.#peer?.close();
      this.#settle();
    }
  }

  /** Tells the other side, and then lets go. */
  async #leave(): Promise<void> {
    const { to, clock } = this.#options;
    if (this.#location !== undefined) await closeSession(to, this.#location, clock);
    this.#peer?.close();
    this.#settle();
  }
}
