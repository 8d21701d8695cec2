import type { LocalIce, SentVideo } from './engine.ts';
import type { OfferedMedia } from './offer.ts';

/**
 * The SDP answer (RFC 9429 §5.3): the video that was chosen is sent; other audio and video stays in the bundle but silent, since some
 * players tie the connection to the first section; what is left (data channels) is refused.
 */
export function writeAnswer(
  media: readonly OfferedMedia[],
  video: SentVideo,
  at: OfferedMedia,
  local: LocalIce,
  sessionId: string,
): string {
  const kept = media.filter((one) => one === at || isSilent(one));
  const lines = [
    'v=0',
    `o=- ${sessionId} 1 IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${kept.map(({ mid }) => mid).join(' ')}`,
    'a=msid-semantic:WMS *',
    'a=ice-options:ice2',
    ...media.flatMap((media) => {
      if (media === at) return [...headOf(media, video.payloadType, local), ...videoOf(video), ...candidatesOf(local)];
      const format = Number(media.formats[0]);
      if (isSilent(media)) return [...headOf(media, format, local), 'a=inactive', ...mapOf(media, format)];
      return [
        `m=${media.kind} 0 ${media.protocol} ${media.formats.join(' ')}`,
        'c=IN IP4 0.0.0.0',
        'a=inactive',
        ...midOf(media),
      ];
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
