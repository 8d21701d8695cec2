import type { PeerPath } from './packet-size.ts';

/** What of an offer a peer needs, checked; everything else of the player's text stays outside. */
export interface RemoteIce {
  ufrag: string;
  pwd: string;
  /** `sha-256` and the like, and the hex pairs with colons */
  fingerprint: { algorithm: string; value: string };
  setup: 'actpass' | 'active' | 'passive';
  /** candidate lines without `a=` */
  candidates: string[];
}

/** Our half of the handshake. */
export interface LocalIce {
  ufrag: string;
  pwd: string;
  fingerprint: { algorithm: string; value: string };
  setup: 'active' | 'passive';
  candidates: string[];
}

/** The video that a peer sends. */
export interface SentVideo {
  mid: string;
  payloadType: number;
  fmtp: string;
  ssrc: number;
  cname: string;
}

/** The sound that a peer sends beside the video. */
export interface SentAudio {
  mid: string;
  payloadType: number;
  /** as in `a=rtpmap`: `opus/48000/2`, `PCMU/8000`, `PCMA/8000` */
  rtpmap: string;
  /** ticks a second of its RTP times */
  clockRate: number;
  fmtp: string;
  ssrc: number;
  cname: string;
}

/** What goes to a player. */
export interface SentMedia {
  video: SentVideo;
  audio?: SentAudio | undefined;
}

export interface PeerEvents {
  /** `open`: what is sent arrives from now on. After `closed` nothing comes any more. */
  onState(state: 'open' | 'lost' | 'closed'): void;
  /** a compound RTCP packet of the player (RFC 3550) */
  onRtcp(packet: Buffer): void;
}

/** One viewer's connection. */
export interface RtcPeer {
  readonly local: LocalIce;
  /** A candidate line without `a=`, already checked. */
  addCandidate(candidate: string): void;
  /** Where the player is by now; undefined while no way to it was found. */
  path(): PeerPath | undefined;
  /** One access unit in Annex B with its RTP time (90 kHz, modulo 2^32), in packets of at most so many bytes; false when the peer is not open. */
  sendVideo(annexB: Buffer, timestamp: number, packetBytes: number): boolean;
  /** One packet of sound with its RTP time; false when the peer is not open or has no sound. */
  sendAudio(packet: Buffer, timestamp: number): boolean;
  /** May be called twice. No event comes afterwards. */
  close(): void;
}

/** WebRTC as far as Redeye needs it, so that another engine can take its place where this one has no build. */
export interface RtcEngine {
  /** Takes the UDP port; throws `webrtc.unavailable` with the reason. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Answers an offer; throws `webrtc.unavailable` when the engine cannot. */
  answer(remote: RemoteIce, sent: SentMedia, events: PeerEvents): Promise<RtcPeer>;
}
