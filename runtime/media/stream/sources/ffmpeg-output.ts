/** ms that a picture waits at most for the sound beside it; ffmpeg's own 10 s would be seen. */
const INTERLEAVE_US = 100_000;

const FLV = ['-f', 'flv', '-flvflags', 'no_duration_filesize', '-flush_packets', '1', 'pipe:1'];

/** Output arguments for a stream whose pictures pass untouched, as FLV on standard output. */
export function copyOutput(sound: boolean): string[] {
  const audio = sound ? ['-map', '0:a:0?', '-c:a', 'copy'] : ['-an'];
  return ['-map', '0:v:0', ...audio, '-sn', '-dn', '-c:v', 'copy', '-max_interleave_delta', `${INTERLEAVE_US}`, ...FLV];
}

/** Output arguments for a stream that has to be encoded at its source: a key frame each second, nothing held back. */
export function encodeOutput(
  options: { fps?: number; sound?: boolean; limitBits?: number | undefined } = {},
): string[] {
  const rate = options.fps ? ['-r', `${options.fps}`] : [];
  const audio = options.sound ? ['-map', '0:a:0?', '-c:a', 'copy'] : ['-an'];
  const keys = ['-force_key_frames', 'expr:gte(t,n_forced)', '-sc_threshold', '0'];
  const code = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline'];
  // One slice a picture: x264 would cut it into as many as there are cores.
  const form = ['-pix_fmt', 'yuv420p', '-x264-params', 'sliced-threads=0:threads=1', '-crf', '23'];
  const { limitBits: bits = 4_000_000 } = options;
  const most = ['-maxrate', `${bits}`, '-bufsize', `${bits / 2}`];
  const even = ['-vf', 'scale=trunc(iw/2)*2:trunc(ih/2)*2'];
  const flow = ['-max_interleave_delta', `${INTERLEAVE_US}`];
  return [
    '-map',
    '0:v:0',
    ...audio,
    '-sn',
    '-dn',
    ...even,
    ...rate,
    ...code,
    ...form,
    ...most,
    ...keys,
    ...flow,
    ...FLV,
  ];
}

/** Opus beside the pictures: FLV cannot carry it, so it goes to descriptor 3, a page of Ogg for each packet. */
export const OPUS_BESIDE = '-map 0:a:0 -c:a copy -flush_packets 1 -page_duration 2500 -f ogg pipe:3'.split(' ');

/** What a source says that had to leave its sound out. */
export const WITHOUT_SOUND = 'without sound, since it is neither AAC nor G.711 nor Opus';

/** Whether ffmpeg ended because the sound, its second stream, does not fit into FLV; without it there would be pictures. */
export function isSoundTrouble(stderr: string): boolean {
  return /audio codec .* not compatible|FLV does not support sample rate|initializing output stream (0:1|1:0)/i.test(
    stderr,
  );
}

/** Whether ffmpeg ended because the video does not fit into FLV, or only by a stretch of it. */
export function isVideoTrouble(stderr: string): boolean {
  return /video codec .* not compatible|codec \S+ is not supported in the official FLV/i.test(stderr);
}
