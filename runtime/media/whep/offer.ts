import { isIP } from 'node:net';
import { AppError } from '../../contracts/errors.ts';
import type { RemoteIce } from './engine.ts';

/** One `m=` section of an offer, in its place: an answer has one for each. */
export interface OfferedMedia {
  kind: string;
  /** empty when the offer gives none */
  mid: string;
  protocol: string;
  formats: string[];
  /** wants to receive */
  receives: boolean;
  /** port 0: of an answer, that it is not wanted (RFC 3264 §6) */
  isRefused: boolean;
  rtpmaps: ReadonlyMap<string, string>;
  fmtps: ReadonlyMap<string, string>;
}

export interface Offer {
  ice: RemoteIce;
  media: OfferedMedia[];
}

/** A way to send H.264: RTP payload type and its parameters as offered. */
export interface H264Choice {
  payloadType: number;
  fmtp: string;
}

const MAX_MEDIA = 16;
const MAX_CANDIDATES = 64;
/** RFC 8839 §5.4 and RFC 8122 §5. */
const UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const PWD = /^[A-Za-z0-9+/]{22,256}$/;
const FINGERPRINT = /^(sha-(?:1|224|256|384|512)) ([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){19,63})$/;
const DIGEST_BYTES: Record<string, number> = {
  'sha-1': 20,
  'sha-224': 28,
  'sha-256': 32,
  'sha-384': 48,
  'sha-512': 64,
};
const CANDIDATE =
  /^candidate:[A-Za-z0-9+/]{1,32} 1 udp (\d{1,10}) ([0-9A-Fa-f.:]{2,45}) (\d{1,5}) typ (host|srflx|prflx|relay)(?: |$)/i;

/** Reads an SDP offer (RFC 8866) as browsers and players write it; throws `offer.invalid`, saying what is missing. */
export function readOffer(text: string): Offer {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines[0] !== 'v=0') throw invalid('it must be SDP and begin with v=0');
  const session: string[] = [];
  const sections: { line: string; attributes: string[] }[] = [];
  for (const line of lines) {
    if (line.startsWith('m=')) sections.push({ line, attributes: [] });
    else if (line.startsWith('a=')) (sections.at(-1)?.attributes ?? session).push(line.slice(2));
  }
  if (sections.length > MAX_MEDIA) throw invalid(`it has more than ${MAX_MEDIA} m= sections`);
  const media = sections.map(({ line, attributes }) => readMedia(line, attributes, session));
  if (!media.some(({ kind }) => kind === 'video')) throw invalid('it asks for no video');
  const all = [...session, ...sections.flatMap(({ attributes }) => attributes)];
  return { media, ice: readIce(all) };
}

/**
 * The H.264 to send: only packetization-mode 1 (RFC 6184 §6.3), constrained baseline before baseline before what else there is, since
 * every browser offers and decodes it. Undefined when there is none.
 */
export function chooseH264({ rtpmaps, fmtps, formats }: OfferedMedia): H264Choice | undefined {
  const choices = formats.flatMap((format) => {
    const fmtp = fmtps.get(format) ?? '';
    const fits = /^H264\/90000$/i.test(rtpmaps.get(format) ?? '') && parameterOf(fmtp, 'packetization-mode') === '1';
    return fits ? [{ payloadType: Number(format), fmtp }] : [];
  });
  return choices.sort((one, other) => rankOf(one.fmtp) - rankOf(other.fmtp))[0];
}

/** The payload type to send that sound under; undefined when the player does not take it. `codec` as in `a=rtpmap`. */
export function chooseAudio({ rtpmaps, formats }: OfferedMedia, codec: 'opus' | 'PCMU' | 'PCMA'): number | undefined {
  // Types 0 and 8 need no rtpmap (RFC 3551 §6).
  const fixed: Record<string, string> = { PCMU: '0', PCMA: '8' };
  const found = formats.find((format) => {
    const map = rtpmaps.get(format);
    return map === undefined ? format === fixed[codec] : map.toLowerCase().startsWith(`${codec.toLowerCase()}/`);
  });
  return found === undefined || !/^\d{1,3}$/.test(found) ? undefined : Number(found);
}

function rankOf(fmtp: string): number {
  const profile = (parameterOf(fmtp, 'profile-level-id') ?? '').toLowerCase();
  // The order of the sort is stable: among equals the player's own order counts.
  const rank = ['42e0', '42c0', '4200', '42', '4d', '64'].findIndex((start) => profile.startsWith(start));
  return rank < 0 ? 99 : rank;
}

function parameterOf(fmtp: string, name: string): string | undefined {
  const pair = fmtp.split(';').find((part) => part.trim().toLowerCase().startsWith(`${name}=`));
  return pair?.slice(pair.indexOf('=') + 1).trim();
}

function readMedia(line: string, attributes: string[], session: string[]): OfferedMedia {
  const [, kind = '', port = '', protocol = '', list = ''] =
    /^m=([a-z]{1,16}) (\d{1,5})(?:\/\d+)? ([A-Za-z/]{1,32}) ([!-~ ]{1,1000})$/.exec(line) ?? [];
  if (kind === '') throw invalid('an m= line cannot be read');
  const direction = [...attributes, ...session].find((one) => /^(sendrecv|sendonly|recvonly|inactive)$/.test(one));
  const mid = attributes.find((one) => one.startsWith('mid:'))?.slice(4) ?? '';
  if (!/^[A-Za-z0-9_.+-]{0,64}$/.test(mid)) throw invalid('an a=mid cannot be read');
  return {
    kind,
    mid,
    protocol,
    formats: list.split(' ').filter((format) => format !== ''),
    receives: direction === undefined || direction === 'sendrecv' || direction === 'recvonly',
    isRefused: Number(port) === 0,
    rtpmaps: table(attributes, 'rtpmap:'),
    fmtps: table(attributes, 'fmtp:'),
  };
}

function table(attributes: string[], prefix: string): Map<string, string> {
  const rows = attributes.flatMap((one): [string, string][] => {
    const [, type, value] =
      /^(\d{1,3}) ([!-~ ]{1,500})$/.exec(one.startsWith(prefix) ? one.slice(prefix.length) : '') ?? [];
    return type === undefined || value === undefined || Number(type) > 127 ? [] : [[type, value]];
  });
  return new Map(rows);
}

function readIce(attributes: string[]): RemoteIce {
  const textOf = (name: string) => attributes.find((one) => one.startsWith(`${name}:`))?.slice(name.length + 1) ?? '';
  const ufrag = textOf('ice-ufrag');
  const pwd = textOf('ice-pwd');
  if (!UFRAG.test(ufrag) || !PWD.test(pwd)) throw invalid('it has no valid a=ice-ufrag and a=ice-pwd');
  const [, algorithm = '', value = ''] = FINGERPRINT.exec(textOf('fingerprint')) ?? [];
  if (value.split(':').length !== DIGEST_BYTES[algorithm]) throw invalid('it has no valid a=fingerprint');
  const setup = textOf('setup');
  if (setup !== 'actpass' && setup !== 'active' && setup !== 'passive') throw invalid('it has no valid a=setup');
  return {
    ufrag,
    pwd,
    setup,
    fingerprint: { algorithm, value: value.toUpperCase() },
    candidates: candidatesOf(attributes),
  };
}

/**
 * Candidates that can be used: UDP with a plain address. Names (`….local`, by which browsers hide their address) are left out: looking
 * them up would let a stranger make us ask for any name, and the player reaches us without it (RFC 8445 §7.3.1.3).
 */
export function candidatesOf(attributes: readonly string[]): string[] {
  const usable = attributes.filter((one) => {
    const [, priority, address = '', port] = CANDIDATE.exec(one) ?? [];
    return isIP(address) !== 0 && Number(priority) < 2 ** 32 && Number(port) > 0 && Number(port) < 65_536;
  });
  const plain = usable.map((one) => one.split(' ').slice(0, 8).join(' '));
  return [...new Set(plain)].slice(0, MAX_CANDIDATES);
}

function invalid(why: string): AppError {
  return new AppError('offer.invalid', `the offer cannot be used: ${why}`);
}
