import { spawn } from 'node:child_process';
import { createGradient } from '../../runtime/media/sim/gradient.ts';

/**
 * A camera that really draws and encodes each picture at its time, in the place of rpicam-vid: 640 × 360, 30 a second, 2 Mbps at most, a
 * key frame a second, Annex B on standard output. The counter in a picture tells when it was drawn. Options are taken and not looked at,
 * but for `--list-cameras`.
 */
const FPS = 30;
const SIZE = { width: 640, height: 360 };

if (process.argv.includes('--list-cameras')) {
  process.stdout.write('Available cameras\n-----------------\n0 : drawn [640x360]\n');
  process.exit(0);
}
const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', `${SIZE.width}x${SIZE.height}`, '-r', `${FPS}`];
const code = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-profile:v', 'baseline'];
const form = ['-pix_fmt', 'yuv420p', '-g', `${FPS}`, '-x264-params', 'sliced-threads=0:threads=1:scenecut=0'];
const rate = ['-crf', '23', '-maxrate', '2M', '-bufsize', '1M'];
const output = ['-flush_packets', '1', '-f', 'h264', 'pipe:1'];
const encoder = spawn(
  'ffmpeg',
  [
    '-v',
    'error',
    '-probesize',
    '32',
    '-analyzeduration',
    '0',
    ...input,
    '-i',
    'pipe:0',
    ...code,
    ...form,
    ...rate,
    ...output,
  ],
  { stdio: ['pipe', 'inherit', 'inherit'] },
);
const end = () => {
  encoder.kill('SIGKILL');
  process.exit(0);
};
process.once('SIGINT', end);
process.once('SIGTERM', end);
encoder.once('exit', end);
encoder.stdin.on('error', end);

const scene = createGradient({ ...SIZE, fps: FPS });
let next = Math.ceil((Date.now() * FPS) / 1000);
const draw = () => {
  const nowMs = Date.now();
  while ((next * 1000) / FPS <= nowMs) {
    // Half a ms later: rounding must not show the number before.
    if (encoder.stdin.writableLength === 0) encoder.stdin.write(Buffer.from(scene.render((next * 1000) / FPS + 0.5)));
    next += 1;
  }
  setTimeout(draw, Math.max(0, (next * 1000) / FPS - Date.now()));
};
draw();
