import type { IceServer } from '../../contracts/live.ts';
import type { SentMedia } from '../whep/engine.ts';

export interface WhipPeerEvents {
  /** `open`: what is sent arrives from now on. After `closed` nothing comes any more. */
  onState(state: 'open' | 'lost' | 'closed'): void;
  /** a compound RTCP packet of the other side (RFC 3550) */
  onRtcp(packet: Buffer): void;
}

/** Our end of a connection that we begin. */
export interface WhipPeer {
  /** SDP to be posted */
  offer(): Promise<string>;
  /** Takes the other side's SDP; throws `offer.invalid` for one that cannot be used. */
  accept(answer: string): void;
  /** One access unit in Annex B with its RTP time; false when it is not open. */
  sendVideo(annexB: Buffer, timestamp: number): boolean;
  /** One packet of sound with its RTP time; false when it is not open or has no sound. */
  sendAudio(packet: Buffer, timestamp: number): boolean;
  /** May be called twice. No event comes afterwards. */
  close(): void;
}

/** Makes one, which also goes through the TURN servers among those; throws `webrtc.unavailable` where the engine has no build. */
export type StartWhipPeer = (
  sent: SentMedia,
  events: WhipPeerEvents,
  iceServers: readonly IceServer[],
) => Promise<WhipPeer>;
