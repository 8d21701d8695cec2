import type { VideoFormat } from '../../contracts/streams.ts';
import { FFMPEG_QUIET } from '../ffmpeg.ts';

/** Access unit delimiter: behind a unit it tells ffmpeg's parser at once that the unit is whole, not only when the next one comes. */
export const UNIT_END = Buffer.from([0, 0, 0, 1, 0x09, 0xf0]);

/** Takes the time of a picture from the clock at which it comes: raw H.264 tells none. */
export const AS_IT_COMES = ['-use_wallclock_as_timestamps', '1'];

/** ffmpeg's arguments for H.264 on standard input, decoded without delay. */
export function h264Input(video: Pick<VideoFormat, 'hasBFrames'>, more: readonly string[] = []): string[] {
  // B-frames have to be put in order: that takes the decoder's own delay.
  const delay = video.hasBFrames ? [] : ['-flags', 'low_delay'];
  // A smaller probe, or `nobuffer`, loses the first pictures; of a short group all of them.
  const start = ['-probesize', '4096', '-analyzeduration', '0', ...delay, '-threads', '1'];
  // Damaged pictures are for the eye to judge; they are no reason to end with an error.
  const lenient = ['-max_error_rate', '1'];
  return [...FFMPEG_QUIET, ...lenient, ...start, ...more, '-f', 'h264', '-i', 'pipe:0'];
}
