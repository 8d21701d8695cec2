import type { CameraSettingsChange } from '../../../contracts/cameras.ts';
import { AppError } from '../../../contracts/errors.ts';
import { chooseSize, listFormats, readFormats, readH264Sizes, USUAL_FPS, V4L2_CTL } from '../../drivers/v4l2.ts';
import { explainFfmpeg, FFMPEG_QUIET } from '../../ffmpeg.ts';
import { writeLight } from '../../v4l2-controls.ts';
import { ProcessSource, type SourceParts, type StreamLaunch } from '../process-source.ts';
import { copyOutput, encodeOutput } from './ffmpeg-output.ts';

/** The most that is taken of a camera: a live view needs no more, and what is encoded here costs by the pixel. */
const MOST = { h264: { width: 1920, height: 1080 }, other: { width: 1280, height: 720 } };

/** A Video4Linux camera: its own H.264 where it has it, else encoded here, which the note says. */
export function createV4l2Source(
  device: string,
  parts: SourceParts & {
    ffmpegPath: string;
    v4l2Ctl?: string | undefined;
    settings?: CameraSettingsChange;
    limitBits?: number | undefined;
    release?(): Promise<void>;
  },
): ProcessSource {
  const { settings = {}, v4l2Ctl = V4L2_CTL } = parts;
  const say = (why: string) => `no stream from ${device}: ${why}`;
  return new ProcessSource({
    ...parts,
    async prepare(signal) {
      await parts.release?.();
      await writeLight(v4l2Ctl, device, settings);
      const list = await listFormats(parts.ffmpegPath, device, signal);
      const launch = v4l2Launch(parts.ffmpegPath, device, list, settings, parts.limitBits);
      if (!launch) throw new AppError('camera.unreachable', say(explainFfmpeg(list)));
      return launch;
    },
    explain: (stderr) => say(explainFfmpeg(stderr)),
  });
}

/** How to read a camera that ffmpeg lists like this; undefined when it lists no camera. */
export function v4l2Launch(
  command: string,
  device: string,
  list: string,
  { resolution, fps = USUAL_FPS }: CameraSettingsChange = {},
  limitBits?: number,
): StreamLaunch | undefined {
  const native = readH264Sizes(list);
  const read = ['-protocol_whitelist', 'file', '-fflags', 'nobuffer', '-f', 'v4l2', '-framerate', `${fps}`];
  if (native) {
    const size = resolution ?? largest(native, MOST.h264);
    const input = ['-input_format', 'h264', ...sizeArguments(size), '-i', device];
    return { command, args: [...FFMPEG_QUIET, ...read, ...input, ...copyOutput(false)], framing: 'flv' };
  }
  const format = readFormats(list);
  if (!format) return undefined;
  const size = resolution ?? chooseSize(format, {}, MOST.other);
  const form = format.kind === 'mjpeg' ? ['-input_format', 'mjpeg'] : [];
  const input = [...form, ...sizeArguments(size), '-i', device];
  return {
    command,
    args: [...FFMPEG_QUIET, ...read, ...input, ...encodeOutput({ limitBits })],
    framing: 'flv',
    note: 'encoded on this machine, since the camera gives no H.264 of its own',
  };
}

interface Size {
  width: number;
  height: number;
}

function largest(sizes: Size[], most: Size): Size | undefined {
  const bySize = sizes.toSorted((a, b) => a.width * a.height - b.width * b.height);
  return bySize.findLast((size) => size.width <= most.width && size.height <= most.height) ?? bySize[0];
}

function sizeArguments(size: Size | undefined): string[] {
  return size ? ['-video_size', `${size.width}x${size.height}`] : [];
}
