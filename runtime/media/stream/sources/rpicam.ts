import { AppError } from '../../../contracts/errors.ts';
import { findProgram } from '../../auto.ts';
import { explainRpicam } from '../../drivers/rpicam.ts';
import { ProcessSource, type SourceParts } from '../process-source.ts';

const SIZE = { width: 1280, height: 720 };
const FPS = 30;
const BITS_PER_SECOND = 2_000_000;

/**
 * The Raspberry Pi's own camera. `--low-latency` keeps the Pi 5's encoder from B-frames, which WebRTC cannot carry; `--flush` has
 * each picture leave at once; the key frame each second is asked for, since the hardware encoder's own rhythm is another.
 */
export function createRpicamSource(
  index: number,
  parts: SourceParts & { rpicamVid: readonly string[]; release?(): Promise<void> },
): ProcessSource {
  return new ProcessSource({
    ...parts,
    async prepare() {
      const command = await findProgram(parts.rpicamVid);
      if (!command) {
        const names = parts.rpicamVid.join(' nor ');
        const how = `neither ${names} is installed: "apt install rpicam-apps-lite" on Raspberry Pi OS brings it`;
        throw new AppError('process.missing', how);
      }
      await parts.release?.();
      return { command, args: rpicamArguments(index), framing: 'annexb' };
    },
    explain: (stderr) => `no stream from rpicam:${index}: ${explainRpicam(stderr)}`,
  });
}

function rpicamArguments(index: number): string[] {
  const run = ['--camera', `${index}`, '--timeout', '0', '--nopreview', '--flush', '--output', '-'];
  const size = ['--width', `${SIZE.width}`, '--height', `${SIZE.height}`, '--framerate', `${FPS}`];
  const code = ['--codec', 'h264', '--inline', '--intra', `${FPS}`, '--profile', 'baseline', '--level', '4.1'];
  return [...run, ...size, ...code, '--bitrate', `${BITS_PER_SECOND}`, '--low-latency'];
}
