import type { LocalIce, SentAudio, SentMedia, SentVideo } from './engine.ts';
import type { OfferedMedia } from './offer.ts';

/**
 * The SDP answer (RFC 9429 §5.3): the video that was chosen is sent, and its sound where there is one; other audio and video stays in the bundle but silent, since some
 * players tie the connection to the first section; what is left (data channels) is refused.
 */
export function writeAnswer(
  media: readonly OfferedMedia[],
  { video, audio }: SentMedia,
  local: LocalIce,
  sessionId: string,
): string {
  // Sections without a name could be none of those that were chosen.
  const isVideo = (one: OfferedMedia) => one.kind === 'video' && one.mid === video.mid;
  const isAudio = (one: OfferedMedia) => one.kind === 'audio' && one.mid === audio?.mid;
  const kept = media.filter((one) => isVideo(one) || isSilent(one));
  const lines = [
    'v=0',
    `o=- ${sessionId} 1 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${kept.map(({ mid }) => mid).join(' ')}`,
    'a=msid-semantic:WMS *',
    'a=ice-options:ice2',
    ...media.flatMap((one) => {
      // Where the bundle's addresses stand: players look for them in its first section only (RFC 9143 §7.3).
      const addresses = one === kept[0] ? candidatesOf(local) : [];
      if (isVideo(one)) return [...headOf(one, video.payloadType, local), ...videoOf(video), ...addresses];
      if (audio && isAudio(one)) return [...headOf(one, audio.payloadType, local), ...audioOf(audio), ...addresses];
      const format = Number(one.formats[0]);
      if (isSilent(one)) return [...headOf(one, format, local), 'a=inactive', ...mapOf(one, format), ...addresses];
      const refused = `m=${one.kind} 0 ${one.protocol} ${one.formats.join(' ')}`;
      return [refused, 'c=IN IP4 0.0.0.0', 'a=inactive', ...midOf(one)];
    }),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function isSilent({ kind, formats, mid }: OfferedMedia): boolean {
  return (kind === 'audio' || kind === 'video') && /^\d{1,3}$/.test(formats[0] ?? '') && mid !== '';
}

function headOf(media: OfferedMedia, payloadType: number, local: LocalIce): string[] {
  return [
    `m=${media.kind} 9 ${media.protocol} ${payloadType}`,
    'c=IN IP4 0.0.0.0',
    ...midOf(media),
    `a=ice-ufrag:${local.ufrag}`,
    `a=ice-pwd:${local.pwd}`,
    `a=fingerprint:${local.fingerprint.algorithm} ${local.fingerprint.value}`,
    `a=setup:${local.setup}`,
    'a=rtcp-mux',
    'a=rtcp-rsize',
  ];
}

function videoOf({ payloadType, fmtp, ssrc, cname }: SentVideo): string[] {
  return [
    'a=sendonly',
    `a=msid:${cname} ${cname}-video`,
    `a=rtpmap:${payloadType} H264/90000`,
    ...(fmtp === '' ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
    `a=rtcp-fb:${payloadType} nack`,
    `a=rtcp-fb:${payloadType} nack pli`,
    `a=ssrc:${ssrc} cname:${cname}`,
  ];
}

function audioOf({ payloadType, rtpmap, fmtp, ssrc, cname }: SentAudio): string[] {
  return [
    'a=sendonly',
    `a=msid:${cname} ${cname}-audio`,
    `a=rtpmap:${payloadType} ${rtpmap}`,
    ...(fmtp === '' ? [] : [`a=fmtp:${payloadType} ${fmtp}`]),
    `a=ssrc:${ssrc} cname:${cname}`,
  ];
}

function mapOf({ rtpmaps }: OfferedMedia, format: number): string[] {
  const map = rtpmaps.get(String(format));
  return map === undefined ? [] : [`a=rtpmap:${format} ${map}`];
}

function midOf({ mid }: OfferedMedia): string[] {
  return mid === '' ? [] : [`a=mid:${mid}`];
}

function candidatesOf({ candidates }: LocalIce): string[] {
  return [...candidates.map((candidate) => `a=${candidate}`), 'a=end-of-candidates'];
}
