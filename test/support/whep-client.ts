import rtc, { type PeerConnection, type Track } from 'node-datachannel';
import { RtpPictures } from './rtp-pictures.ts';
import { until } from './until.ts';

export { kindsOf, type Picture } from './rtp-pictures.ts';

const OFFERED = 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1';

/** A WHEP player: makes the offer, takes the answer, puts RTP packets (RFC 6184) together again. Close it in `afterEach`. */
export class WhepClient {
  readonly #rtp = new RtpPictures();
  readonly pictures = this.#rtp.pictures;
  /** packets that came, by their number */
  readonly sequence = this.#rtp.sequence;
  /** bytes of H.264 in each packet */
  readonly sizes = this.#rtp.sizes;
  state = 'new';
  readonly #pc: PeerConnection;
  readonly #track: Track;

  constructor(fmtp = OFFERED) {
    this.#pc = new rtc.PeerConnection('player', {
      iceServers: [],
      bindAddress: '127.0.0.1',
      disableAutoNegotiation: true,
    });
    this.#pc.onStateChange((state) => {
      this.state = state;
    });
    const video = new rtc.Video('0', 'RecvOnly');
    video.addH264Codec(96, fmtp);
    this.#track = this.#pc.addTrack(video);
    this.#track.setMediaHandler(new rtc.RtcpReceivingSession());
    this.#track.onMessage((packet) => this.#rtp.take(packet));
  }

  /** ICE name and password of its offer. */
  get ice(): { ufrag: string; pwd: string } {
    const offer = this.#pc.localDescription()?.sdp ?? '';
    return { ufrag: /ice-ufrag:(\S+)/.exec(offer)?.[1] ?? '', pwd: /ice-pwd:(\S+)/.exec(offer)?.[1] ?? '' };
  }

  /** Without candidates: the server's checks could come before this side has the answer, which its engine does not survive. */
  async offer(): Promise<string> {
    this.#pc.setLocalDescription('offer');
    await until('the player has gathered', () => this.#pc.gatheringState() === 'complete');
    return (this.#pc.localDescription()?.sdp ?? '').replace(/^a=(candidate|end-of-candidates).*\r\n/gm, '');
  }

  take(answer: string): void {
    this.#pc.setRemoteDescription(answer, 'answer');
  }

  connected(): Promise<unknown> {
    return until('the player is connected', () => this.state === 'connected');
  }

  /** Asks for a key frame (PLI). */
  askForKey(): void {
    this.#track.requestKeyframe();
  }

  close(): void {
    this.#track.close();
    this.#pc.close();
  }
}
