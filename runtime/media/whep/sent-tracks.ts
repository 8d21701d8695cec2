import rtc, { type PeerConnection, type Track } from 'node-datachannel';
import type { SentAudio, SentVideo } from './engine.ts';

/**
 * Of H.264 in one packet. With RTP (12), its seal (16), UDP (8) and IPv6 (40) that is 1276, inside the 1280 bytes that every network
 * must carry (RFC 8200 §5). Not more, even though fewer packets cost less: the engine forbids routers to split a packet, so behind
 * a VPN (WireGuard 1420, Tailscale 1280) a larger one never arrives, and a peer that looks like a neighbour may be such a VPN's gateway.
 */
export const PACKET_BYTES = 1200;
/** Larger than any packet that `packetizerUnit` makes: the engine has nothing to cut. */
const NEVER_CUT_BYTES = 65_000;
/** Packets kept for what the other side asks again: half a second of 8 Mbps. */
const RESEND_PACKETS = 512;

/** A track that sends, and what its packets are numbered and timed by. */
export interface SentTrack {
  track: Track;
  packets: InstanceType<typeof rtc.RtpPacketizationConfig>;
}

/** Adds H.264 that is given as `packetizerUnit` makes it, one access unit a call; lost packets are sent again when asked for. */
export function addVideo(pc: PeerConnection, video: SentVideo): SentTrack {
  const { mid, payloadType, fmtp, ssrc, cname } = video;
  const description = new rtc.Video(mid, 'SendOnly');
  description.addH264Codec(payloadType, fmtp);
  description.addSSRC(ssrc, cname, cname, `${cname}-video`);
  const track = pc.addTrack(description);
  const packets = new rtc.RtpPacketizationConfig(ssrc, cname, payloadType, 90_000);
  const packetizer = new rtc.H264RtpPacketizer('Length', packets, NEVER_CUT_BYTES);
  packetizer.addToChain(new rtc.RtcpSrReporter(packets));
  packetizer.addToChain(new rtc.RtcpNackResponder(RESEND_PACKETS));
  track.setMediaHandler(packetizer);
  return { track, packets };
}

/** Adds sound, one packet a call. */
export function addAudio(pc: PeerConnection, audio: SentAudio): SentTrack {
  const { mid, payloadType, rtpmap, clockRate, fmtp, ssrc, cname } = audio;
  const [codec = ''] = rtpmap.split('/');
  const description = new rtc.Audio(mid, 'SendOnly');
  if (codec === 'opus') description.addOpusCodec(payloadType, fmtp);
  else description.addAudioCodec(payloadType, codec);
  description.addSSRC(ssrc, cname, cname, `${cname}-audio`);
  const track = pc.addTrack(description);
  const packets = new rtc.RtpPacketizationConfig(ssrc, cname, payloadType, clockRate);
  const packetizer = new rtc.RtpPacketizer(packets);
  packetizer.addToChain(new rtc.RtcpSrReporter(packets));
  track.setMediaHandler(packetizer);
  // Reports come with those of the picture; what nobody takes would wait in the engine.
  track.onMessage(() => {});
  return { track, packets };
}
