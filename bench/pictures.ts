import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { createShelf } from '../runtime/media/sim/shelf.ts';

export interface Size {
  width: number;
  height: number;
}

/** JPEGs one after the other in a file, and how long each is. */
export interface Pictures {
  file: string;
  lengths: number[];
  /** of one, on average */
  bytes: number;
}

/** Writes `count` JPEGs of the clip, from its beginning as often as needed, or of the built-in scene where there is no clip. */
export async function makePictures(
  folder: string,
  size: Size,
  options: { clip?: string; count: number; quality: number; fps: number },
): Promise<Pictures> {
  const file = join(folder, `${size.width}x${size.height}.mjpeg`);
  const out = openSync(file, 'w');
  const lengths: number[] = [];
  const raw = { ...size, channels: 3 } as const;
  const frames = options.clip ? clipFrames(options.clip, size, options.count) : sceneFrames(size, options);
  for await (const rgb of frames) {
    const jpeg = await sharp(rgb, { raw }).jpeg({ quality: options.quality }).toBuffer();
    writeSync(out, jpeg);
    lengths.push(jpeg.length);
  }
  if (lengths.length < options.count) throw new Error(`only ${lengths.length} pictures could be made`);
  writeFileSync(`${file}.json`, JSON.stringify(lengths));
  return { file, lengths, bytes: lengths.reduce((sum, length) => sum + length, 0) / lengths.length };
}

/** Reads back what `makePictures` wrote. */
export function readPictures(file: string): Buffer[] {
  const all = readFileSync(file);
  let at = 0;
  return (JSON.parse(readFileSync(`${file}.json`, 'utf8')) as number[]).map((length) => {
    at += length;
    // A copy: what arrives at a server does not lie beside its successor.
    return Buffer.from(all.subarray(at - length, at));
  });
}

async function* clipFrames(clip: string, { width, height }: Size, count: number): AsyncGenerator<Uint8Array> {
  const filter = `scale=${width}:${height},setsar=1,format=rgb24`;
  const input = ['-nostdin', '-v', 'error', '-stream_loop', '-1', '-i', `file:${resolve(clip)}`];
  const output = ['-an', '-vf', filter, '-frames:v', String(count), '-f', 'rawvideo', 'pipe:1'];
  const child = spawn('ffmpeg', [...input, ...output], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const frame = Buffer.alloc(width * height * 3);
  let filled = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    for (let used = 0; used < chunk.length; ) {
      const copied = chunk.copy(frame, filled, used);
      used += copied;
      filled += copied;
      if (filled < frame.length) continue;
      yield frame;
      filled = 0;
    }
  }
  await closed;
}

async function* sceneFrames(size: Size, { count, fps }: { count: number; fps: number }): AsyncGenerator<Uint8Array> {
  const scene = await createShelf(size);
  for (let n = 0; n < count; n += 1) yield scene.render(Math.round((n * 1000) / fps));
}
