import { randomBytes, randomUUID } from 'node:crypto';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { IceServer, LiveSession, OpenedSession, Viewer, WhepService } from '../../contracts/live.ts';
import type { StreamHost } from '../../contracts/streams.ts';
import { sessionEnded } from '../../lib/live/session-ended.ts';
import type { Part } from '../../lib/part.ts';
import { writeAnswer } from './answer.ts';
import type { RtcEngine, SentMedia } from './engine.ts';
import { extraCandidates } from './extra-candidates.ts';
import { firstFormat } from './first-format.ts';
import { hostNetworks } from './host-networks.ts';
import { chooseH264, readOffer } from './offer.ts';
import type { Networks } from './packet-size.ts';
import { readFragment } from './sdp-fragment.ts';
import { WhepSession } from './session.ts';
import { canBeSent, chooseSound, type SoundOf } from './session-sound.ts';

const SESSIONS = 100;
const LOOK_EVERY_MS = 5000;
const RETRY_PORT_MS = 5000;
/** A player whose session was ended hears so for this long when it asks. It does within seconds: no picture comes any more. */
const ENDED_MS = 60_000;
const NO_ENCODER: SoundOf = { listen: () => () => {} };
const OFF = 'WebRTC is off on this server (WEBRTC_UDP_PORT=0)';

export interface WhepOptions {
  streams: StreamHost;
  /** undefined: WebRTC is off */
  engine: RtcEngine | undefined;
  udpPort: number;
  /** Opus of cameras that send AAC; without it those are silent */
  sound?: SoundOf;
  /** addresses or names under which players reach the port, beside this host's own */
  hosts?: readonly string[];
  iceServers: (user: string | undefined, nowMs: number) => IceServer[];
  /** what is said where it is off; default: the server's words */
  offReason?: string;
  /** tells where larger packets arrive; default: what this host says of its networks */
  networks?: Networks;
  /** most sessions at a time, default 100 */
  limit?: number;
  clock: Clock;
  log: Log;
}

interface Known {
  session: WhepSession;
  id: string;
  etag: string;
}

/** WHEP sessions of a host. It starts also where the UDP port is taken: then each `open` says so, and tries again. */
export function createWhep(options: WhepOptions): WhepService & Part {
  return new Whep(options);
}

class Whep implements WhepService, Part {
  readonly #options: WhepOptions;
  readonly #sessions = new Map<string, Known>();
  /** those that were kicked: their camera, and the monotonic ms at which they are forgotten */
  readonly #ended = new Map<string, { camera: string; untilMs: number }>();
  #opening = 0;
  #running = false;
  #trouble: AppError | undefined;
  #triedMs = 0;
  #stopLooking = () => {};

  constructor(options: WhepOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    await this.#startEngine();
    this.#look();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#stopLooking();
    for (const { session } of [...this.#sessions.values()]) session.close('the server stops');
    await this.#options.engine?.stop();
  }

  async open(camera: string, offer: string, viewer: Viewer): Promise<OpenedSession> {
    const { limit = SESSIONS, log } = this.#options;
    const engine = await this.#engine();
    const { ice, media } = readOffer(offer);
    const at = media.find((one) => one.kind === 'video' && one.receives && one.mid !== '' && chooseH264(one));
    const choice = at && chooseH264(at);
    if (!choice) throw new AppError('offer.no_codec', 'the player takes no H.264 (packetization-mode 1)');
    if (this.#sessions.size + this.#opening >= limit) {
      throw new AppError('session.limit', `${limit} people watch by WebRTC, more it does not take`, {
        retryAfterS: 10,
      });
    }
    this.#opening += 1;
    try {
      const secret = randomBytes(24).toString('base64url');
      const id = randomUUID();
      const { streams, clock } = this.#options;
      const { format, hold } = await firstFormat(streams, camera, clock);
      if (format.video.hasBFrames || !this.#running) {
        hold.close();
        if (!this.#running) throw new AppError('webrtc.unavailable', 'the server stops');
        throw new AppError(
          'stream.b_frames',
          `the H.264 of ${camera} has B-frames, which WebRTC cannot carry; watch by HLS`,
        );
      }
      const common = { cname: `redeye-${id.slice(0, 8)}` };
      const ssrc = randomBytes(4).readUInt32BE() || 1;
      const video = { ...choice, ...common, mid: at.mid, ssrc };
      const audio = chooseSound(media, format.audio, { ...common, ssrc: (ssrc + 1) % 2 ** 32 || 1 });
      const sent: SentMedia = { video, audio };
      const session = new WhepSession({
        id,
        camera,
        viewer,
        remote: ice,
        sent,
        sound: this.#options.sound ?? NO_ENCODER,
        timeOffset: randomBytes(4).readUInt32BE(),
        streams,
        engine,
        networks: this.#options.networks ?? hostNetworks,
        clock,
        onClosed: (why) => {
          this.#sessions.delete(secret);
          const { bytes, startedAt } = session.describe();
          const seconds = Math.round((clock.now() - startedAt) / 1000);
          log.info('a WebRTC session ended', { camera, user: viewer.user, why, seconds, bytes });
        },
      });
      const etag = randomBytes(6).toString('hex');
      this.#sessions.set(secret, { session, id, etag });
      try {
        const [peer, extra] = await Promise.all([session.open(hold), this.#extraCandidates()]);
        const local = { ...peer.local, candidates: [...peer.local.candidates, ...extra] };
        log.info('a WebRTC session began', { camera, user: viewer.user, address: viewer.address });
        const hasSound = format.audio !== undefined && canBeSent(format.audio);
        return { id, secret, etag, answer: writeAnswer(media, sent, local, String(ssrc)), hasSound };
      } catch (error) {
        session.close('it could not begin');
        throw error;
      }
    } finally {
      this.#opening -= 1;
    }
  }

  patch(camera: string, secret: string, fragment: string, etag?: string): void {
    const known = this.#of(camera, secret);
    if (etag !== undefined && etag !== '*' && etag !== known.etag) {
      throw new AppError('session.stale', 'If-Match names another state of the session');
    }
    known.session.patch(readFragment(fragment));
  }

  close(camera: string, secret: string): void {
    this.#of(camera, secret).session.close('the player left');
  }

  trouble(): string | undefined {
    const { engine, offReason = OFF } = this.#options;
    return engine ? this.#trouble?.message : offReason;
  }

  iceServers(user?: string): IceServer[] {
    return this.#options.iceServers(user, this.#options.clock.now());
  }

  sessions(): LiveSession[] {
    return [...this.#sessions.values()].map(({ session }) => session.describe());
  }

  kick(id: string): boolean {
    const [secret, known] = [...this.#sessions].find(([, one]) => one.id === id) ?? [];
    if (secret === undefined || !known) return false;
    const untilMs = this.#options.clock.monotonicMs() + ENDED_MS;
    this.#ended.set(secret, { camera: known.session.camera, untilMs });
    known.session.close('an operator ended it');
    return true;
  }

  #of(camera: string, secret: string): Known {
    const known = this.#sessions.get(secret);
    if (this.#ended.get(secret)?.camera === camera) throw sessionEnded();
    if (known?.session.camera !== camera) throw new AppError('session.not_found', 'this WebRTC session is over');
    return known;
  }

  /** The engine, which is started again where its port was taken; throws `webrtc.unavailable`. */
  async #engine(): Promise<RtcEngine> {
    const { engine, offReason = OFF } = this.#options;
    if (!engine) throw new AppError('webrtc.unavailable', offReason);
    if (!this.#running) throw new AppError('webrtc.unavailable', 'WebRTC is not running');
    if (this.#isWorthATry()) await this.#startEngine();
    if (this.#trouble) throw this.#trouble;
    return engine;
  }

  #isWorthATry(): boolean {
    return this.#trouble !== undefined && this.#options.clock.monotonicMs() - this.#triedMs >= RETRY_PORT_MS;
  }

  async #startEngine(): Promise<void> {
    const { engine, clock, log } = this.#options;
    const before = this.#trouble;
    this.#triedMs = clock.monotonicMs();
    try {
      await engine?.start();
      this.#trouble = undefined;
      if (before) log.info('WebRTC works again');
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#trouble = error;
      if (!before) log.error('WebRTC does not work; HLS and MJPEG do', { error });
    }
  }

  async #extraCandidates(): Promise<string[]> {
    const { hosts = [], udpPort, log } = this.#options;
    return extraCandidates(hosts, udpPort, log);
  }

  #look(): void {
    const { clock, log } = this.#options;
    this.#stopLooking = clock.after(LOOK_EVERY_MS, () => {
      for (const { session } of [...this.#sessions.values()]) session.look();
      const nowMs = clock.monotonicMs();
      for (const [secret, { untilMs }] of this.#ended) if (untilMs <= nowMs) this.#ended.delete(secret);
      // Players that were told of the trouble do not try: it has to be found over without them.
      if (this.#isWorthATry()) this.#startEngine().catch((error) => log.error('WebRTC does not start', { error }));
      this.#look();
    });
  }
}
