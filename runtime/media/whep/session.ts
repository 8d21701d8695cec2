import { AppError, toAppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { LiveSession, Viewer } from '../../contracts/live.ts';
import type {
  AccessUnit,
  StreamFormat,
  StreamHost,
  StreamReader,
  StreamSubscription,
} from '../../contracts/streams.ts';
import type { RemoteIce, RtcEngine, RtcPeer, SentMedia } from './engine.ts';
import { PacedSender } from './paced-sender.ts';
import { largestPacket, type Networks, type PeerPath, SAFE_PACKET_BYTES } from './packet-size.ts';
import { PacketTrial } from './packet-trial.ts';
import { type ReceiverReport, readRtcp } from './rtcp.ts';
import { RtpTimeline } from './rtp-timeline.ts';
import type { SdpFragment } from './sdp-fragment.ts';
import { SessionSound, type SoundOf } from './session-sound.ts';

/** A player that asks for a key frame without end (its network is too thin) gets one a second, not a storm that makes it worse. */
const REPLAY_EVERY_MS = 1000;
/** Not connected, no report, or no answer to checks for so long: nobody is there. With the pause between two looks less than 30 s. */
const PATIENCE_MS = 20_000;

export interface SessionParts {
  id: string;
  camera: string;
  viewer: Viewer;
  remote: RemoteIce;
  sent: SentMedia;
  /** the sound of its camera; it goes where `sent.audio` says */
  sound: SoundOf;
  /** 32 random bits: where its RTP time begins */
  timeOffset: number;
  streams: StreamHost;
  engine: RtcEngine;
  networks: Networks;
  clock: Clock;
  /** The session is over, with why; called once. */
  onClosed(why: string): void;
}

/** One viewer: reads the camera's stream from the moment its peer is open, until either side ends it. */
export class WhepSession {
  readonly #parts: SessionParts;
  readonly #sender: PacedSender;
  readonly #timeline: RtpTimeline;
  readonly #startedAt: number;
  readonly #sound: SessionSound | undefined;
  readonly #packets = new PacketTrial(() => this.#largestPacket());
  #peer: RtcPeer | undefined;
  /** where the player was when packets grew */
  #path: PeerPath | undefined;
  /** keeps the source running until the peer is open */
  #hold: StreamSubscription | undefined;
  #subscription: StreamSubscription | undefined;
  #state: 'connecting' | 'playing' | 'closed' = 'connecting';
  #aliveMs: number;
  #lostMs: number | undefined;
  #reports = false;
  #report: ReceiverReport | undefined;
  #replayedMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #discarded = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#sender = new PacedSender(parts.clock, (unit) => this.#send(unit));
    this.#timeline = new RtpTimeline(parts.timeOffset);
    const { audio } = parts.sent;
    const send = (packet: Buffer, timestamp: number) => this.#sendAudio(packet, timestamp);
    this.#sound = audio && new SessionSound({ ...parts, audio, send });
    this.#startedAt = parts.clock.now();
    this.#aliveMs = parts.clock.monotonicMs();
  }

  get camera(): string {
    return this.#parts.camera;
  }

  /** Negotiates and plays from when the player is connected. `hold` is closed with the session at the latest. */
  async open(hold: StreamSubscription): Promise<RtcPeer> {
    this.#hold = hold;
    const peer = await this.#parts.engine.answer(this.#parts.remote, this.#parts.sent, {
      onState: (state) => this.#onState(state),
      onRtcp: (packet) => this.#onRtcp(packet),
    });
    this.#peer = peer;
    if (this.#state === 'closed') {
      peer.close();
      throw new AppError('session.not_found', 'the session was ended while it began');
    }
    return peer;
  }

  /** Throws `session.no_restart` when the player wants to begin anew on another network. */
  patch({ ufrag, pwd, candidates }: SdpFragment): void {
    const { remote } = this.#parts;
    if ((ufrag !== undefined && ufrag !== remote.ufrag) || (pwd !== undefined && pwd !== remote.pwd)) {
      throw new AppError('session.no_restart', 'ICE restart is not supported: open a new session; this one goes on');
    }
    for (const candidate of candidates) this.#peer?.addCandidate(candidate);
  }

  /** Ends itself when nobody is there any more; to be called every few seconds. */
  look(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    const silentMs = nowMs - this.#aliveMs;
    if (this.#state === 'connecting' && silentMs > PATIENCE_MS) this.close('it did not connect');
    else if (this.#reports && silentMs > PATIENCE_MS) this.close('the player fell silent');
    else if (this.#lostMs !== undefined && nowMs - this.#lostMs > PATIENCE_MS) this.close('the connection was lost');
    // On another way than the one that was tried nothing is known.
    else if (this.#path && this.#peer?.path()?.address !== this.#path.address) this.#packets.giveUp();
  }

  #largestPacket(): number {
    this.#path = this.#peer?.path();
    return this.#path ? largestPacket(this.#path, this.#parts.networks) : SAFE_PACKET_BYTES;
  }

  /** May be called twice. */
  close(why: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#sender.clear();
    this.#sound?.close();
    this.#hold?.close();
    this.#subscription?.close();
    this.#peer?.close();
    this.#parts.onClosed(why);
  }

  describe(): LiveSession {
    const { id, camera, viewer } = this.#parts;
    const report = this.#report;
    return {
      id,
      type: 'whep',
      camera,
      user: viewer.user,
      address: viewer.address,
      path: viewer.path,
      state: this.#state === 'playing' ? 'playing' : 'connecting',
      startedAt: this.#startedAt,
      bytes: this.#bytes,
      ...(report && { loss: { share: report.lossShare, packets: report.lost, jitterMs: report.jitterMs } }),
      discarded: this.#discarded + (this.#subscription?.discarded ?? 0),
    };
  }

  #onState(state: 'open' | 'lost' | 'closed'): void {
    if (state === 'closed') {
      this.close('the player is gone');
      return;
    }
    this.#lostMs = state === 'lost' ? this.#parts.clock.monotonicMs() : undefined;
    if (state !== 'open' || this.#state !== 'connecting') return;
    this.#state = 'playing';
    this.#replay();
    this.#sound?.start();
    this.#hold?.close();
  }

  #onRtcp(packet: Buffer): void {
    const { clock, sent } = this.#parts;
    this.#aliveMs = clock.monotonicMs();
    this.#lostMs = undefined;
    const feedback = readRtcp(packet, sent.video.ssrc);
    const { report } = feedback;
    const wantsKey = this.#packets.heard(feedback, this.#aliveMs) || feedback.wantsKey;
    if (report) {
      this.#reports = true;
      this.#report = report;
    }
    // While a replay is on its way another one would only push it further back.
    const due = this.#aliveMs - this.#replayedMs >= REPLAY_EVERY_MS && this.#sender.isIdle;
    if (wantsKey && due && this.#state === 'playing') this.#replay();
  }

  /** Attaches anew: the host gives the last key frame and all since. */
  #replay(): void {
    const { streams, camera, clock } = this.#parts;
    this.#replayedMs = clock.monotonicMs();
    const old = this.#subscription;
    this.#discarded += old?.discarded ?? 0;
    this.#subscription = undefined;
    try {
      this.#subscription = streams.subscribe(camera, this.#reader());
    } catch (error) {
      this.close(toAppError(error).message);
    }
    old?.close();
  }

  #reader(): StreamReader {
    return {
      onFormat: (format) => this.#onFormat(format),
      onVideo: (unit) => {
        if (this.#state === 'playing') this.#sender.push(unit);
      },
      onAudio: (unit) => this.#sound?.pass(unit),
      isFull: () => this.#sender.isFull,
      onGap: () => this.#sender.clear(),
      onEnd: () => this.close('the camera was removed'),
    };
  }

  #onFormat({ video, audio }: StreamFormat): void {
    this.#sound?.follow(audio);
    if (video.hasBFrames) this.close('the camera now sends B-frames, which WebRTC cannot carry');
  }

  #sendAudio(packet: Buffer, timestamp: number): void {
    if (this.#state === 'playing' && this.#peer?.sendAudio(packet, timestamp)) this.#bytes += packet.length;
  }

  #send(unit: AccessUnit): void {
    if (!this.#peer?.sendVideo(unit.annexB, this.#timeline.at(unit.pts), this.#packets.bytes)) return;
    this.#bytes += unit.annexB.length;
    this.#packets.sent();
  }
}
