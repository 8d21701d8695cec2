import rtc, { type PeerConnection, type Track } from 'node-datachannel';
import { until } from './until.ts';

const OFFERED = 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1';

/** One picture as it came: its NAL units without start codes. */
export interface Picture {
  timestamp: number;
  nals: Buffer[];
}

/** Kinds of NAL units in a picture: 7 SPS, 8 PPS, 5 IDR, 1 other slice. */
export function kindsOf({ nals }: Picture): number[] {
  return nals.map((nal) => (nal[0] ?? 0) & 31);
}

/** A WHEP player: makes the offer, takes the answer, puts RTP packets (RFC 6184) together again. Close it in `afterEach`. */
export class WhepClient {
  readonly pictures: Picture[] = [];
  /** packets that came, by their number */
  readonly sequence: number[] = [];
  state = 'new';
  readonly #pc: PeerConnection;
  readonly #track: Track;
  #nals: Buffer[] = [];
  #fragment: Buffer[] = [];

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
    this.#track.onMessage((packet) => this.#take(packet));
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

  #take(packet: Buffer): void {
    if (packet.length < 14 || ((packet[1] ?? 0) & 127) !== 96) return;
    this.sequence.push(packet.readUInt16BE(2));
    const headerEnd = 12 + ((packet[0] ?? 0) & 15) * 4;
    const extension = (packet[0] ?? 0) & 16 ? 4 + packet.readUInt16BE(headerEnd + 2) * 4 : 0;
    const payload = packet.subarray(headerEnd + extension);
    const first = payload[0] ?? 0;
    const kind = first & 31;
    if (kind === 24) {
      for (let at = 1; at + 2 <= payload.length; at += 2 + payload.readUInt16BE(at)) {
        this.#nals.push(Buffer.from(payload.subarray(at + 2, at + 2 + payload.readUInt16BE(at))));
      }
    } else if (kind === 28) {
      const second = payload[1] ?? 0;
      if (second & 128) this.#fragment = [Buffer.from([(first & 0xe0) | (second & 31)])];
      this.#fragment.push(Buffer.from(payload.subarray(2)));
      if (second & 64) this.#nals.push(Buffer.concat(this.#fragment));
    } else {
      this.#nals.push(Buffer.from(payload));
    }
    if ((packet[1] ?? 0) & 128) {
      this.pictures.push({ timestamp: packet.readUInt32BE(4), nals: this.#nals });
      this.#nals = [];
    }
  }
}
