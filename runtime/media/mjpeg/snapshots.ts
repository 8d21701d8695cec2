import { AppError } from '../../contracts/errors.ts';
import type { LivePicture, SnapshotAsk } from '../../contracts/live-outputs.ts';
import { run } from '../../lib/child-process.ts';
import { jpegOutput, sayHowToInstall } from '../ffmpeg.ts';
import { JpegSplitter } from '../jpeg-splitter.ts';
import { fitJpeg } from '../picture-fit.ts';
import { h264Input } from './decode-args.ts';
import type { FeedParts } from './feed.ts';
import { type Group, newestGroup } from './newest-group.ts';

/** A picture this old is still the newest one, for who did not ask for a fresh one. */
const RECENT_MS = 1000;
const DECODE_MS = 10_000;
const MOST_BYTES = 64 * 1024 * 1024;
const QUALITY = 90;

/** What those who share a picture want together. */
interface Wish {
  /** the picture has to have arrived after this, on the monotonic clock */
  sinceMs: number;
}

/** Single pictures of one camera: at most one decoder at a time, shared by all who ask meanwhile. */
export class Snapshots {
  readonly #camera: string;
  readonly #parts: FeedParts;
  #last: { picture: LivePicture; atMs: number } | undefined;
  /** still waits for its pictures, so that others can join */
  #collecting: { wish: Wish; picture: Promise<LivePicture> } | undefined;
  #decoding: Promise<unknown> = Promise.resolve();

  constructor(camera: string, parts: FeedParts) {
    this.#camera = camera;
    this.#parts = parts;
  }

  /** The newest picture; `decoded` is one that is there already. */
  async take(ask: SnapshotAsk, decoded: LivePicture | undefined): Promise<LivePicture> {
    const { clock } = this.#parts;
    const last = this.#last && clock.monotonicMs() - this.#last.atMs <= RECENT_MS ? this.#last.picture : undefined;
    const there = ask.fresh ? undefined : (decoded ?? last);
    const picture = there ?? (await this.#decoded(ask));
    const { width, quality } = ask;
    if (width === undefined && quality === undefined) return picture;
    const { jpeg } = await fitJpeg(picture.jpeg, picture.takenAt, { width, jpegQuality: quality });
    return { jpeg, takenAt: picture.takenAt };
  }

  async #decoded(ask: SnapshotAsk): Promise<LivePicture> {
    try {
      return await this.#join(ask.fresh === true);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'camera.no_stream') throw error;
      const { width, quality } = ask;
      const still = await this.#parts.cameras.capture(this.#camera, { width, jpegQuality: quality });
      return { jpeg: still.jpeg, takenAt: still.capturedAt };
    }
  }

  #join(isFresh: boolean): Promise<LivePicture> {
    const sinceMs = isFresh ? this.#parts.clock.monotonicMs() : Number.NEGATIVE_INFINITY;
    const collecting = this.#collecting;
    if (collecting) {
      collecting.wish.sinceMs = Math.max(collecting.wish.sinceMs, sinceMs);
      return collecting.picture;
    }
    const wish = { sinceMs };
    const picture = this.#take(wish, this.#decoding).finally(() => this.#endCollecting(wish));
    this.#collecting = { wish, picture };
    this.#decoding = picture.catch(() => undefined);
    return picture;
  }

  async #take(wish: Wish, before: Promise<unknown>): Promise<LivePicture> {
    await before;
    const { streams, clock } = this.#parts;
    const group = await newestGroup({ streams, clock, camera: this.#camera, sinceMs: () => wish.sinceMs });
    this.#endCollecting(wish);
    const arrivedMs = group.units.at(-1)?.arrivedMs ?? clock.monotonicMs();
    const takenAt = clock.now() - (clock.monotonicMs() - arrivedMs);
    const picture = { jpeg: await decodeLast(group, this.#parts.ffmpegPath), takenAt };
    this.#last = { picture, atMs: clock.monotonicMs() };
    return picture;
  }

  #endCollecting(wish: Wish): void {
    if (this.#collecting?.wish === wish) this.#collecting = undefined;
  }
}

/** The last picture of a group as JPEG; throws `camera.no_picture` when none can be decoded. */
async function decodeLast({ format, units }: Group, ffmpegPath: string): Promise<Buffer> {
  const input = Buffer.concat(units.map(({ annexB }) => annexB));
  // The last but one too: should one be damaged there is still a picture.
  const select = `gte(n,${Math.max(0, units.length - 2)})`;
  const output = jpegOutput({ fps: 1, jpegQuality: QUALITY }, select);
  let last: Buffer | undefined;
  const splitter = new JpegSplitter((jpeg) => {
    last = jpeg;
  });
  const args = [...h264Input(format.video), ...output];
  try {
    splitter.push(await run({ command: ffmpegPath, args, input, timeoutMs: DECODE_MS, maxOutputBytes: MOST_BYTES }));
  } catch (thrown) {
    const error = sayHowToInstall(thrown);
    if (error.code === 'process.missing') throw error;
    throw new AppError(
      'camera.no_picture',
      `the picture could not be decoded: ${error.message}`,
      {},
      { cause: thrown },
    );
  }
  if (!last) throw new AppError('camera.no_picture', "the camera's newest pictures could not be decoded");
  return last;
}
