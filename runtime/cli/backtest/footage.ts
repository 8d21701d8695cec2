import { spawn } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AppError } from '../../contracts/errors.ts';
import { ended, tailOf } from '../../lib/child-process.ts';

/** A picture of recorded footage; `at` in ms, from the epoch or from the first one. */
export interface RecordedPicture {
  jpeg: Buffer;
  at: number;
  name: string;
}

/** Larger than any JPEG that ffmpeg makes of a frame we would take. */
const MAX_JPEG_BYTES = 64 * 1024 * 1024;
const EPOCH_MS_NAME = /^\d{12,14}$/;

/** Plays a film or a folder of JPEGs, one picture at a time. Throws `request.invalid` when there is nothing to play. */
export async function* play(clip: string, fps: number, ffmpeg: string): AsyncGenerator<RecordedPicture> {
  const kind = await stat(clip).catch((cause: unknown) => {
    throw new AppError('request.invalid', `--clip ${clip}: is not there`, {}, { cause });
  });
  yield* kind.isDirectory() ? playFolder(clip, fps) : playFilm(clip, fps, ffmpeg);
}

/** `.jpg` files in the order of their names. Names that are all epoch ms are the times; else `fps` is. */
async function* playFolder(folder: string, fps: number): AsyncGenerator<RecordedPicture> {
  const names = (await readdir(folder)).filter((name) => /\.jpe?g$/i.test(name)).sort();
  if (names.length === 0) throw new AppError('request.invalid', `--clip ${folder}: holds no .jpg file`);
  const bare = names.map((name) => name.replace(/\.jpe?g$/i, ''));
  const timed = bare.every((name) => EPOCH_MS_NAME.test(name));
  for (const [i, name] of names.entries()) {
    const at = timed ? Number(bare[i]) : Math.round((i * 1000) / fps);
    yield { jpeg: await readFile(join(folder, name)), at, name };
  }
}

async function* playFilm(file: string, fps: number, ffmpeg: string): AsyncGenerator<RecordedPicture> {
  // An absolute path: one that begins with a dash, or holds a colon, would be read as something else.
  const input = ['-nostdin', '-v', 'error', '-i', `file:${resolve(file)}`];
  const output = ['-an', '-vf', `fps=${fps}`, '-c:v', 'mjpeg', '-q:v', '3', '-f', 'image2pipe', 'pipe:1'];
  const child = spawn(ffmpeg, [...input, ...output], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stderr = tailOf(child);
  const exit = ended(child, ffmpeg);
  // Judged below; without this, a program that is not there would end us before the loop does.
  exit.catch((error: unknown) => error);
  let count = 0;
  try {
    for await (const jpeg of splitJpegs(child.stdout)) {
      yield { jpeg, at: Math.round((count * 1000) / fps), name: `frame-${count}` };
      count += 1;
    }
    const code = await exit;
    if (code !== 0 || count === 0) {
      const why = stderr().split('\n').at(-1) || 'it holds no picture';
      throw new AppError('request.invalid', `--clip ${file}: cannot be played: ${why}`);
    }
  } finally {
    child.kill('SIGKILL');
  }
}

const START = Buffer.from([0xff, 0xd8]);
const END = Buffer.from([0xff, 0xd9]);

/** Cuts a stream of JPEGs that follow each other without anything between; an end marker cannot occur within one (bytes are stuffed). */
export async function* splitJpegs(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    let searched = Math.max(0, rest.length - 1);
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let end = rest.indexOf(END, searched); end >= 0; end = rest.indexOf(END, searched)) {
      const start = rest.indexOf(START);
      if (start >= 0 && start < end) yield rest.subarray(start, end + END.length);
      rest = rest.subarray(end + END.length);
      searched = 0;
    }
    if (rest.length > MAX_JPEG_BYTES) throw new AppError('frame.too_large', 'a picture of the footage is too large');
  }
}
