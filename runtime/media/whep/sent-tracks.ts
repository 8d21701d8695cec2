import rtc, { type PeerConnection, type Track } from 'node-datachannel';
import type { SentAudio, SentVideo } from './engine.ts';

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
