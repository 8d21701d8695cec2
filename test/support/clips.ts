import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { temporaryFolder } from './folders.ts';

const runFile = promisify(execFile);
const CLIP_FPS = 10;

/** A clip whose picture's brightness rises with its own time: `clipTime` reads it back. H.264 with B-frames, as phones record. */
export async function rampClip(seconds: number): Promise<string> {
  const clip = join(await temporaryFolder('clip'), 'ramp.mp4');
  const size = 'color=c=black:s=128x96';
  const ramp = `geq=lum='30+T*${(180 / seconds).toFixed(4)}':cb=128:cr=128`;
  const code = ['-c:v', 'libx264', '-qp', '18', '-bf', '2', '-g', `${CLIP_FPS}`, '-pix_fmt', 'yuv420p'];
  const source = ['-f', 'lavfi', '-i', `${size}:r=${CLIP_FPS}:d=${seconds}`, '-vf', ramp];
  await runFile('ffmpeg', ['-v', 'error', '-y', ...source, ...code, clip]);
  return clip;
}

/** Seconds into a ramp clip of that length, read from the brightness of one of its pictures. */
export async function clipTime(jpeg: Buffer, seconds: number): Promise<number> {
  const { channels } = await sharp(jpeg).stats();
  const grey = channels[0]?.mean ?? 0;
  // Video levels 16–235 are stretched to 0–255 in a JPEG.
  const level = (grey * 219) / 255 + 16;
  return ((level - 30) / 180) * seconds;
}

/** A test pattern of some length for an RTSP camera: baseline H.264, a key frame each second. */
export async function patternClip(seconds: number): Promise<string> {
  const clip = join(await temporaryFolder('clip'), 'pattern.mp4');
  const code = ['-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'baseline', '-g', '10', '-pix_fmt', 'yuv420p'];
  const source = ['-f', 'lavfi', '-i', `testsrc2=s=320x180:r=${CLIP_FPS}`, '-t', `${seconds}`];
  await runFile('ffmpeg', ['-v', 'error', '-y', ...source, ...code, clip]);
  return clip;
}
