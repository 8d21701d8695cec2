import { AppError } from '../../contracts/errors.ts';
import type { LivePicture, PictureService, PictureViewer, SnapshotAsk } from '../../contracts/live-outputs.ts';
import type { Part } from '../../lib/part.ts';
import { CameraPictures } from './camera-pictures.ts';
import type { FeedParts } from './feed.ts';
import { Snapshots } from './snapshots.ts';

export interface PicturesOptions extends Omit<FeedParts, 'ffmpegPath'> {
  /** default: `ffmpeg`, from PATH */
  ffmpegPath?: string;
}

/** A decoder's last picture is the camera's newest one while it is at most this old. */
const DECODED_MS = 2000;

/** JPEGs of all cameras. A decoder runs while somebody looks and 2 s longer; snapshots take its picture, or decode one by themselves. */
export class Pictures implements PictureService, Part {
  readonly #parts: FeedParts;
  readonly #cameras = new Map<string, CameraPictures>();
  readonly #snapshots = new Map<string, Snapshots>();
  readonly #closing = new Set<Promise<void>>();
  #state: 'open' | 'stopped' = 'open';

  constructor({ ffmpegPath = 'ffmpeg', ...parts }: PicturesOptions) {
    this.#parts = { ...parts, ffmpegPath };
  }

  async start(): Promise<void> {
    this.#state = 'open';
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    for (const [camera, pictures] of [...this.#cameras]) this.#drop(camera, pictures);
    this.#snapshots.clear();
    await Promise.all(this.#closing);
  }

  watch(camera: string, viewer: PictureViewer): () => void {
    this.#checkOpen();
    const known = this.#cameras.get(camera);
    const pictures: CameraPictures =
      known ?? new CameraPictures({ ...this.#parts, camera, onOver: () => this.#drop(camera, pictures) });
    const leave = pictures.watch(viewer);
    this.#cameras.set(camera, pictures);
    return leave;
  }

  async snapshot(camera: string, ask: SnapshotAsk): Promise<LivePicture> {
    this.#checkOpen();
    const snapshots = this.#snapshots.get(camera) ?? new Snapshots(camera, this.#parts);
    this.#snapshots.set(camera, snapshots);
    try {
      return await snapshots.take(ask, this.#cameras.get(camera)?.recent(DECODED_MS));
    } catch (error) {
      // Names of cameras that are not there would pile up.
      if (error instanceof AppError && error.code === 'camera.not_found') this.#snapshots.delete(camera);
      throw error;
    }
  }

  /** how many look at each camera */
  viewers(): { camera: string; viewers: number }[] {
    return [...this.#cameras].map(([camera, { viewers }]) => ({ camera, viewers }));
  }

  #drop(camera: string, pictures: CameraPictures): void {
    if (this.#cameras.get(camera) === pictures) this.#cameras.delete(camera);
    const closing = pictures.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  #checkOpen(): void {
    if (this.#state === 'stopped') throw new AppError('camera.unreachable', 'the streams have been stopped');
  }
}
