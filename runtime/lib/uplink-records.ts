import { AppError } from '../contracts/errors.ts';
import type { AccessUnit, AudioFormat, AudioUnit, StreamFormat } from '../contracts/streams.ts';

/** The first byte of every record; another number is another language. */
export const RECORD_VERSION = 1;

/**
 * What a device sends of a stream, one record a message. Numbers are big-endian; the first two bytes are version and kind.
 *
 * | kind | then |
 * |---|---|
 * | 1 format | SPS and PPS, each behind its length (u16); sound (u8: 0 none, 1 AAC, 2 Opus, 3 μ-law, 4 A-law), and with sound rate (u32), channels (u8), AudioSpecificConfig behind its length (u16) |
 * | 2 unit | flags (u8, bit 0: key frame), dts (f64, ms), pts − dts (i32, ms), the access unit as Annex B |
 * | 3 sound | pts (f64, ms), one frame |
 * | 4 gap | why nothing comes for a while, UTF-8 |
 * | 5 alive | nothing: the link is good though no picture comes |
 */
export type UplinkRecord =
  | { kind: 'format'; sps: Buffer; pps: Buffer; audio?: AudioFormat }
  | { kind: 'unit'; isKey: boolean; dts: number; pts: number; annexB: Buffer }
  | { kind: 'audio'; pts: number; data: Buffer }
  | { kind: 'gap'; reason: string }
  | { kind: 'alive' };

const KIND = { format: 1, unit: 2, audio: 3, gap: 4, alive: 5 } as const;
const CODECS = ['aac', 'opus', 'pcmu', 'pcma'] as const;
const UNIT_HEAD = 15;
const AUDIO_HEAD = 10;
const KEY_FLAG = 1;
/** Pictures are not reordered over a longer time than this. */
const MOST_REORDER_MS = 60_000;
const MOST_REASON_BYTES = 600;

/** What a decoder has to know: SPS and PPS, and the sound's where there is some. */
export function encodeFormat({ video, audio }: Pick<StreamFormat, 'video' | 'audio'>): Buffer {
  const parts = [head(KIND.format), sized(video.sps), sized(video.pps)];
  if (audio) {
    const sound = Buffer.alloc(6);
    sound.writeUInt8(CODECS.indexOf(audio.codec) + 1, 0);
    sound.writeUInt32BE(audio.sampleRate, 1);
    sound.writeUInt8(audio.channels, 5);
    parts.push(sound, sized(audio.config ?? Buffer.alloc(0)));
  } else parts.push(Buffer.from([0]));
  return Buffer.concat(parts);
}

/** A unit as one buffer: the copy is what a message costs. */
export function encodeUnit({ annexB, isKey, dts, pts }: Omit<AccessUnit, 'arrivedMs'>): Buffer {
  const record = Buffer.allocUnsafe(UNIT_HEAD + annexB.length);
  record.writeUInt8(RECORD_VERSION, 0);
  record.writeUInt8(KIND.unit, 1);
  record.writeUInt8(isKey ? KEY_FLAG : 0, 2);
  record.writeDoubleBE(dts, 3);
  record.writeInt32BE(Math.round(pts - dts), 11);
  annexB.copy(record, UNIT_HEAD);
  return record;
}

/** One frame of sound with its time. */
export function encodeAudio({ data, pts }: AudioUnit): Buffer {
  const record = Buffer.allocUnsafe(AUDIO_HEAD + data.length);
  record.writeUInt8(RECORD_VERSION, 0);
  record.writeUInt8(KIND.audio, 1);
  record.writeDoubleBE(pts, 2);
  data.copy(record, AUDIO_HEAD);
  return record;
}

/** The camera is away; the reason for people, cut at 600 bytes. */
export function encodeGap(reason: string): Buffer {
  return Buffer.concat([head(KIND.gap), Buffer.from(reason).subarray(0, MOST_REASON_BYTES)]);
}

/** Nothing to tell, but still here. */
export function encodeAlive(): Buffer {
  return head(KIND.alive);
}

/**
 * Reads one record; the buffers in the answer are views of it. Throws `uplink.malformed` for whatever is cut short, too long,
 * contradicts itself, or is of another version: nothing that it says of its own length is believed.
 */
export function decodeRecord(bytes: Buffer): UplinkRecord {
  if (bytes.length < 2) throw malformed('it is empty');
  if (bytes[0] !== RECORD_VERSION) throw malformed(`version ${bytes[0]} is not spoken here`);
  switch (bytes[1]) {
    case KIND.format:
      return readFormat(bytes);
    case KIND.unit:
      return readUnit(bytes);
    case KIND.audio: {
      if (bytes.length <= AUDIO_HEAD) throw malformed('a frame of sound is cut short');
      return { kind: 'audio', pts: moment(bytes.readDoubleBE(2)), data: bytes.subarray(AUDIO_HEAD) };
    }
    case KIND.gap: {
      if (bytes.length > 2 + MOST_REASON_BYTES) throw malformed('a reason is too long');
      return { kind: 'gap', reason: plain(bytes.toString('utf8', 2)) };
    }
    case KIND.alive:
      if (bytes.length > 2) throw malformed('a sign of life says something');
      return { kind: 'alive' };
    default:
      throw malformed(`there is no kind ${bytes[1]}`);
  }
}

function readFormat(bytes: Buffer): UplinkRecord {
  let at = 2;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw malformed('a format is cut short');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const takeSized = () => take(take(2).readUInt16BE());
  const [sps, pps] = [takeSized(), takeSized()];
  const code = take(1).readUInt8();
  const codec = CODECS[code - 1];
  if (code !== 0 && codec === undefined) throw malformed(`there is no sound ${code}`);
  const audio = codec && readSound(codec, take(4).readUInt32BE(), take(1).readUInt8(), takeSized());
  if (at !== bytes.length) throw malformed('a format is longer than it says');
  if ((sps[0] ?? 0) % 32 !== 7 || (pps[0] ?? 0) % 32 !== 8) throw malformed('a format without SPS and PPS');
  return { kind: 'format', sps, pps, ...(audio && { audio }) };
}

function readSound(codec: AudioFormat['codec'], sampleRate: number, channels: number, config: Buffer): AudioFormat {
  const known = sampleRate >= 8000 && sampleRate <= 192_000 && channels >= 1 && channels <= 8 && config.length <= 64;
  if (!known || (codec === 'aac' && config.length < 2)) throw malformed('a sound that cannot be');
  return { codec, sampleRate, channels, ...(config.length > 0 && { config }) };
}

function readUnit(bytes: Buffer): UplinkRecord {
  if (bytes.length <= UNIT_HEAD) throw malformed('an access unit is cut short');
  const flags = bytes.readUInt8(2);
  if ((flags & ~KEY_FLAG) !== 0) throw malformed('a flag that is not known');
  const dts = moment(bytes.readDoubleBE(3));
  const later = bytes.readInt32BE(11);
  if (Math.abs(later) > MOST_REORDER_MS) throw malformed('a picture is shown at another time than it can be');
  return { kind: 'unit', isKey: flags === KEY_FLAG, dts, pts: dts + later, annexB: bytes.subarray(UNIT_HEAD) };
}

/** A time that a clock can show: later arithmetic must not meet infinity. */
function moment(ms: number): number {
  if (!Number.isFinite(ms) || Math.abs(ms) > Number.MAX_SAFE_INTEGER / 2) throw malformed('a time that cannot be');
  return ms;
}

/** People will read it: one line, without control characters. */
function plain(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\uFFFD]+/gu, ' ').trim();
  return line === '' ? 'the camera is away' : line;
}

function head(kind: number): Buffer {
  return Buffer.from([RECORD_VERSION, kind]);
}

function sized(bytes: Buffer): Buffer {
  const length = Buffer.allocUnsafe(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function malformed(why: string): AppError {
  return new AppError('uplink.malformed', `the device sent what is no stream: ${why}`);
}
