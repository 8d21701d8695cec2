import { AppError } from '../../contracts/errors.ts';
import type { SentMedia } from '../whep/engine.ts';
import { type OfferedMedia, readOffer } from '../whep/offer.ts';

/**
 * The other side's answer in our own words, with only what was checked. Throws `offer.invalid` for what is no answer to `sent`, and
 * `offer.no_codec` when it takes no H.264.
 */
export function plainAnswer(text: string, { video, audio }: SentMedia): string {
  const { ice, media } = readOffer(text);
  if (ice.setup === 'actpass') throw new AppError('offer.invalid', 'the answer leaves open who begins');
  if (!takes(media, 'video', video.payloadType))
    throw new AppError('offer.no_codec', 'the destination does not take H.264 (packetization-mode 1)');
  const takesAudio = audio !== undefined && takes(media, 'audio', audio.payloadType);
  const transport = [
    'c=IN IP4 0.0.0.0',
    `a=ice-ufrag:${ice.ufrag}`,
    `a=ice-pwd:${ice.pwd}`,
    `a=fingerprint:${ice.fingerprint.algorithm} ${ice.fingerprint.value}`,
    `a=setup:${ice.setup}`,
    'a=rtcp-mux',
  ];
  const sound = audio
    ? [
        `m=audio ${takesAudio ? 9 : 0} UDP/TLS/RTP/SAVPF ${audio.payloadType}`,
        ...transport,
        `a=mid:${audio.mid}`,
        takesAudio ? 'a=recvonly' : 'a=inactive',
        `a=rtpmap:${audio.payloadType} ${audio.rtpmap}`,
      ]
    : [];
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${video.mid}${takesAudio ? ` ${audio.mid}` : ''}`,
    `m=video 9 UDP/TLS/RTP/SAVPF ${video.payloadType}`,
    ...transport,
    `a=mid:${video.mid}`,
    'a=recvonly',
    `a=rtpmap:${video.payloadType} H264/90000`,
    `a=fmtp:${video.payloadType} ${video.fmtp}`,
    `a=rtcp-fb:${video.payloadType} nack`,
    `a=rtcp-fb:${video.payloadType} nack pli`,
    ...ice.candidates.map((candidate) => `a=${candidate}`),
    ...sound,
  ];
  return `${lines.join('\r\n')}\r\n`;
}

function takes(media: readonly OfferedMedia[], kind: string, payloadType: number): boolean {
  const one = media.find((section) => section.kind === kind);
  return one?.receives === true && !one.isRefused && one.formats.includes(String(payloadType));
}
