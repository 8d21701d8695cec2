// The usual way in Node: ffmpeg decodes to grey PAM, pipe2pam cuts the pipe into pictures, pam-diff compares each with the one before.
import { spawn } from 'node:child_process';
import PamDiff from 'pam-diff';
import Pipe2Pam from 'pipe2pam';

const [file, filter] = process.argv.slice(2);

process.on('message', (count) => {
  const input = ['-nostdin', '-v', 'error', '-threads', '1', '-f', 'mjpeg', '-i', `file:${file}`];
  const scale = filter ? ['-vf', filter] : [];
  const output = ['-an', '-frames:v', String(count), '-c:v', 'pam', '-pix_fmt', 'gray', '-f', 'image2pipe', 'pipe:1'];
  const ffmpeg = spawn('ffmpeg', [...input, ...scale, ...output], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pictures = new Pipe2Pam();
  let frames = 0;
  pictures.on('data', () => {
    frames += 1;
  });
  const compared = pictures.pipe(new PamDiff({ difference: 5, percent: 5 }));
  compared.resume();
  ffmpeg.stdout.pipe(pictures);
  ffmpeg.once('close', () => setImmediate(() => process.send({ frames })));
});
process.on('disconnect', () => process.exit(0));
process.send('ready');
