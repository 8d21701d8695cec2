import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultDeviceConfig } from '../runtime/contracts/device-config.ts';
import { cpuSeconds, median } from './cpu.ts';
import { motionVersion, runMotion } from './motion.ts';
import { makePictures, readPictures, type Size } from './pictures.ts';

/**
 * CPU seconds per 1000 pictures, decoding included, of our analysis beside motion and ffmpeg + pam-diff: the same pictures, interleaved
 * rounds, medians. `TEST_CLIP` names a film to take them from, else they are drawn.
 */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const FRAMES = Number(process.env.FRAMES ?? 500);
const FPS = Number(process.env.FPS ?? 30);
const QUALITY = Number(process.env.QUALITY ?? defaultDeviceConfig().jpeg_quality);
const CLIP = process.env.TEST_CLIP;
const SIZES: Size[] = [
  { width: 1920, height: 1080 },
  { width: 640, height: 480 },
];

interface Run {
  cpu: number;
  frames: number;
}
interface Subject {
  name: string;
  run(): Promise<Run>;
  /** CPU seconds per 1000 pictures, per round */
  seconds: number[];
  frames: number[];
}

const motion = motionVersion();
const folder = mkdtempSync(join(tmpdir(), 'redeye-bench-'));
const children: ChildProcess[] = [];
try {
  console.log(
    `CPU seconds per 1000 pictures, medians [range] of ${ROUNDS} interleaved rounds of ${FRAMES} pictures ` +
      `${CLIP ? 'of TEST_CLIP' : '(drawn: TEST_CLIP is not set)'}, JPEG quality ${QUALITY}, ${FPS} a second\n`,
  );
  console.log(
    [
      '- Redeye: what a job does, from the JPEG in memory: decode, compare (the whole picture is one ROI), encode the state; no database',
      ...(motion
        ? [
            `- motion ${motion}: a network camera of MJPEG over loopback at ${FPS} pictures a second or fewer, Debian's settings, all outputs off; the`,
            '  process from picture 90 on, reading the socket included. It decodes every picture and compares about 3 a second while',
            '  nothing moves, each below 6 a second (FPS=5 shows that). Pictures it took up are counted in its log.',
          ]
        : [
            '- motion is not installed and is left out; on Debian: sudo apt-get install -y --no-install-recommends motion',
          ]),
      '- ffmpeg + pam-diff: one .mjpeg file, ffmpeg to grey over a pipe, pipe2pam, pam-diff; both processes, less a run of one picture\n',
    ].join('\n'),
  );
  console.log('| pictures | | CPU s per 1000 | Redeye takes | pictures taken up a round |');
  console.log('|---|---|---|---|---|');
  for (const size of SIZES) await measure(size);
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

async function measure(size: Size): Promise<void> {
  const { file, bytes } = await makePictures(folder, size, { clip: CLIP, count: FRAMES, quality: QUALITY, fps: FPS });
  const jpegs = readPictures(file);
  const subjects: Subject[] = [await redeye(file, size)];
  if (motion) subjects.push(subject(`motion ${motion}`, () => runMotion(folder, size, jpegs, FPS)));
  subjects.push(await pamDiff('ffmpeg + pam-diff, full size', file, ''));
  subjects.push(await pamDiff('ffmpeg + pam-diff, 160 wide', file, 'scale=160:-2'));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { run, seconds, frames } of subjects) {
      const measured = await run();
      seconds.push((measured.cpu / measured.frames) * 1000);
      frames.push(measured.frames);
    }
  }
  const ours = subjects[0]?.seconds ?? [];
  for (const { name, seconds, frames } of subjects) {
    const ratio = median(ours.map((value, round) => value / (seconds[round] ?? Number.NaN)));
    const range = `[${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}]`;
    const least = Math.min(...frames);
    console.log(
      `| ${size.width}x${size.height}, ${Math.round(bytes / 1024)} KB | ${name} | ${median(seconds).toFixed(2)} ${range} | ${ratio.toFixed(2)}× of it | ${least}–${Math.max(...frames)} of ${FRAMES} |`,
    );
  }
}

function subject(name: string, run: () => Promise<Run>): Subject {
  return { name, run, seconds: [], frames: [] };
}

async function redeye(file: string, { width, height }: Size): Promise<Subject> {
  const child = await started('redeye-detect.ts', [file, String(width), String(height), String(FPS)]);
  // Once through: the first pictures of a process pay for its compiler.
  await ask<Run>(child, FRAMES);
  return subject('Redeye', () => ask<Run>(child, FRAMES));
}

async function pamDiff(name: string, file: string, filter: string): Promise<Subject> {
  const child = await started('pam-diff.mjs', [file, filter]);
  const run = async (count: number): Promise<Run> => {
    const before = cpuSeconds(child.pid ?? 0);
    const { frames } = await ask<{ frames: number }>(child, count);
    return { cpu: cpuSeconds(child.pid ?? 0) - before, frames };
  };
  await run(FRAMES);
  return subject(name, async () => {
    const one = await run(1);
    const all = await run(FRAMES);
    return { cpu: (all.cpu - one.cpu) * (all.frames / (all.frames - 1)), frames: all.frames };
  });
}

async function started(script: string, args: string[]): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'peers', script), args);
  children.push(child);
  await once(child, 'message');
  return child;
}

async function ask<Answer>(child: ChildProcess, count: number): Promise<Answer> {
  const answer = once(child, 'message');
  child.send(count);
  return (await answer)[0] as Answer;
}
