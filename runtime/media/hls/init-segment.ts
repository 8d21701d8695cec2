import type { AudioFormat, StreamFormat, VideoFormat } from '../../contracts/streams.ts';
import { box, fullBox, u16, u32 } from './box.ts';

/** Ticks a second of the video track. */
export const VIDEO_TIMESCALE = 90_000;
export const VIDEO_TRACK = 1;
export const AUDIO_TRACK = 2;

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
/** language `und`, as three letters of five bits */
const UNDETERMINED = u16(0x55c4, 0);

/** The init segment (ftyp, moov) of a fragmented MP4: one H.264 track, and one of AAC where the format's sound is AAC with a config. */
export function initSegment({ video, audio }: StreamFormat): Buffer {
  const brands = Buffer.from('iso6iso5iso6mp41avc1', 'latin1');
  const ftyp = box('ftyp', brands.subarray(0, 4), u32(1), brands.subarray(4));
  const sound = carriesSound(audio) ? audio : undefined;
  const moov = box(
    'moov',
    fullBox('mvhd', 0, 0, u32(0, 0, 1000, 0, 0x10000), u16(0x0100, 0), u32(0, 0), MATRIX, zeros(24), u32(3)),
    videoTrack(video),
    ...(sound ? [audioTrack(sound)] : []),
    box('mvex', extension(VIDEO_TRACK), ...(sound ? [extension(AUDIO_TRACK)] : [])),
  );
  return Buffer.concat([ftyp, moov]);
}

/** Whether this sound goes into an MP4 of ours: AAC whose config is known. */
export function carriesSound(audio: AudioFormat | undefined): audio is AudioFormat & { config: Buffer } {
  return audio?.codec === 'aac' && audio.config !== undefined && audio.config.length >= 2;
}

function videoTrack(video: VideoFormat): Buffer {
  const { width, height } = video;
  const entry = box(
    'avc1',
    zeros(6),
    u16(1),
    zeros(16),
    u16(width, height),
    u32(0x480000, 0x480000, 0),
    u16(1),
    zeros(32),
    u16(0x18, 0xffff),
    box('avcC', avcConfig(video)),
  );
  return box(
    'trak',
    fullBox(
      'tkhd',
      0,
      3,
      u32(0, 0, VIDEO_TRACK, 0, 0, 0, 0),
      u16(0, 0, 0, 0),
      MATRIX,
      u32(width * 65536, height * 65536),
    ),
    media(VIDEO_TIMESCALE, 'vide', fullBox('vmhd', 0, 1, u16(0, 0, 0, 0)), entry),
  );
}

/** AVCDecoderConfigurationRecord (ISO/IEC 14496-15 §5.3.3.1), lengths of four bytes. */
export function avcConfig({ sps, pps }: VideoFormat): Buffer {
  const profile = sps[1] ?? 66;
  const head = Buffer.from([1, profile, sps[2] ?? 0, sps[3] ?? 30, 0xff, 0xe1]);
  const parts = [head, u16(sps.length), sps, Buffer.from([1]), u16(pps.length), pps];
  // High profiles tell their chroma format and depths too; cameras have 4:2:0 of 8 bits.
  if (profile === 100 || profile === 110 || profile === 122) parts.push(Buffer.from([0xfd, 0xf8, 0xf8, 0]));
  return Buffer.concat(parts);
}

function audioTrack(audio: AudioFormat & { config: Buffer }): Buffer {
  const entry = box(
    'mp4a',
    zeros(6),
    u16(1),
    zeros(8),
    u16(audio.channels, 16, 0, 0),
    u32(audio.sampleRate < 65536 ? audio.sampleRate * 65536 : 0),
    fullBox('esds', 0, 0, descriptors(audio.config)),
  );
  return box(
    'trak',
    fullBox('tkhd', 0, 3, u32(0, 0, AUDIO_TRACK, 0, 0, 0, 0), u16(0, 1, 0x0100, 0), MATRIX, u32(0, 0)),
    media(audio.sampleRate, 'soun', fullBox('smhd', 0, 0, u16(0, 0)), entry),
  );
}

/** ES, decoder config, AudioSpecificConfig and sync layer descriptors (ISO/IEC 14496-1 §7.2.6). */
function descriptors(config: Buffer): Buffer {
  const specific = descriptor(5, config);
  const decoder = descriptor(4, Buffer.from([0x40, 0x15, 0, 0, 0]), u32(0, 0), specific);
  return descriptor(3, u16(AUDIO_TRACK), Buffer.from([0]), decoder, descriptor(6, Buffer.from([2])));
}

function descriptor(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, body.length]), body]);
}

function media(timescale: number, handler: string, header: Buffer, entry: Buffer): Buffer {
  const nothing = u32(0);
  const table = box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), entry),
    fullBox('stts', 0, 0, nothing),
    fullBox('stsc', 0, 0, nothing),
    fullBox('stsz', 0, 0, u32(0, 0)),
    fullBox('stco', 0, 0, nothing),
  );
  const here = box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));
  return box(
    'mdia',
    fullBox('mdhd', 0, 0, u32(0, 0, timescale, 0), UNDETERMINED),
    fullBox('hdlr', 0, 0, nothing, Buffer.from(handler, 'latin1'), zeros(12), Buffer.from('redeye\0', 'latin1')),
    box('minf', header, here, table),
  );
}

function extension(track: number): Buffer {
  return fullBox('trex', 0, 0, u32(track, 1, 0, 0, 0));
}

function zeros(bytes: number): Buffer {
  return Buffer.alloc(bytes);
}
