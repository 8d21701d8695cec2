import type { CameraSettingsChange } from '../../../contracts/cameras.ts';
import { AppError } from '../../../contracts/errors.ts';
import { findProgram } from '../../auto.ts';
import { explainRpicam } from '../../drivers/rpicam.ts';
import { rpicamLight, rpicamRate } from '../../rpicam-settings.ts';
import { ProcessSource, type SourceParts } from '../process-source.ts';

const BITS_PER_SECOND = 2_000_000;

/**
 * The Raspberry Pi's own camera. `--low-latency` keeps the Pi 5's encoder from B-frames, which WebRTC cannot carry; `--flush` has
 * each picture leave at once; the key frame each second is asked for, since the hardware encoder's own rhythm is another.
 */
export function createRpicamSource(
  index: number,
  parts: SourceParts & {
    rpicamVid: readonly string[];
    settings?: CameraSettingsChange;
    limitBits?: number | undefined;
    release?(): Promise<void>;
  },
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
      return { command, args: rpicamArguments(index, parts.settings ?? {}, parts.limitBits), framing: 'annexb' };
    },
    explain: (stderr) => `no stream from rpicam:${index}: ${explainRpicam(stderr)}`,
  });
}

function rpicamArguments(index: number, set: CameraSettingsChange, bits = BITS_PER_SECOND): string[] {
  const { width, height, fps } = rpicamRate(set);
  const run = ['--camera', `${index}`, '--timeout', '0', '--nopreview', '--flush', '--output', '-'];
  const size = ['--width', `${width}`, '--height', `${height}`, '--framerate', `${fps}`];
  const code = [
    '--codec',
    'h264',
    '--inline',
    '--intra',
    `${Math.max(1, Math.round(fps))}`,
    '--profile',
    'baseline',
    '--level',
    '4.1',
  ];
  return [
    ...run,
    ...size,
    ...rpicamLight(set),
    ...code,
    '--bitrate',
    `${Math.min(bits, BITS_PER_SECOND)}`,
    '--low-latency',
  ];
}
