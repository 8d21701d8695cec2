import type { CameraSettingsChange } from '../contracts/cameras.ts';
import { AppError } from '../contracts/errors.ts';
import type {
  Asker,
  CameraSettingsAnswer,
  CameraStatusAnswer,
  CaptureBody,
  GalleryList,
  GalleryQuery,
  GalleryService,
  ImageRecord,
  NewVideo,
  PictureDesk,
  ProductCreate,
  ProductPatch,
  ProductRecord,
  VideoRecord,
} from '../contracts/gallery.ts';
import type { CameraHost, Release } from '../contracts/host.ts';
import type { CameraTelemetry, LocalAccess, RemoteMode, RemoteStream } from '../contracts/remote-cameras.ts';
import type { Actor } from '../contracts/services.ts';
import { writeAudit } from '../db/audit.repo.ts';
import type { Queryable } from '../db/db.ts';
import { countImages, findImage, listImages } from '../db/images.repo.ts';
import {
  deleteProduct,
  findProduct,
  hasProduct,
  insertProduct,
  listProducts,
  updateProduct,
} from '../db/products.repo.ts';
import { countVideos, deleteVideo, findVideo, listVideos, upsertVideo } from '../db/videos.repo.ts';
import type { Part } from '../lib/part.ts';
import { CameraControl, type CameraControlOptions } from './camera-control.ts';
import { Captures } from './captures.ts';
import { DevicePictures } from './device-pictures.ts';
import { ImageStore, type ImageStoreOptions } from './image-store.ts';
import { ownPictures } from './own-pictures.ts';
import { imageRecord, page, parseCursor, productRecord, videoRecord } from './records.ts';
import { RemoteCameras, type RemoteCamerasOptions } from './remote-cameras.ts';

export interface GalleryOptions
  extends Omit<CameraControlOptions, 'cameras'>,
    Omit<ImageStoreOptions, 'clock' | 'log'> {
  /** the server's own */
  cameras: CameraHost & RemoteCamerasOptions['cameras'];
}

/** Builds the stage. */
export function createGallery(options: GalleryOptions): Gallery {
  return new Gallery(options);
}

/** The stage behind one face; `desk` is what devices bring their pictures to. */
export class Gallery implements GalleryService, Part {
  readonly desk: PictureDesk;
  readonly #options: GalleryOptions;
  readonly #captures: Captures;
  readonly #control: CameraControl;
  readonly #store: ImageStore;
  readonly #remotes: RemoteCameras;
  #unwatch: Release = () => undefined;

  constructor(options: GalleryOptions) {
    this.#options = options;
    const pictures = new DevicePictures();
    this.#store = new ImageStore(options);
    this.desk = {
      claim: (device, nonce) => pictures.claim(device, nonce),
      keep: ownPictures(this.#store),
    };
    this.#control = new CameraControl(options);
    this.#remotes = new RemoteCameras(options);
    this.#captures = new Captures({ ...options, pictures });
  }

  async start(): Promise<void> {
    await this.#store.open();
    await this.#control.start();
    this.#unwatch = this.#options.cameras.watch((camera) => this.#remotes.forget(camera));
  }

  async stop(): Promise<void> {
    this.#store.close();
    this.#unwatch();
    await this.#control.stop();
  }

  // Cameras ----------------------------------------------------------------------------------------------------------

  async capture(camera: string, body: CaptureBody, asker: Asker, signal?: AbortSignal): Promise<ImageRecord> {
    const { db } = this.#options;
    const { exposure, gain, product_id: productId = null, description = null } = body;
    const record = await this.#control.record(camera);
    // Before the camera is troubled for nothing.
    if (productId !== null && !(await hasProduct(db, productId))) throw noProduct(productId);
    const { userId, ...actor } = asker;
    return this.#captures.take(record, { exposure, gain }, { actor, signal }, async ({ jpeg, meta, told }) => {
      const { camera: _camera, captured_at, exposure: taken = null, gain: amplified = null, width, height } = meta;
      const row = await this.#store.add(jpeg, {
        camera,
        device: record.device,
        productId,
        userId: userId ?? null,
        description,
        capturedAt: new Date(captured_at),
        exposure: taken,
        gain: amplified,
        width,
        height,
        metadata: {
          driver: meta.driver ?? record.driver,
          jpeg_quality: meta.jpeg_quality,
          asked: body,
          ...(told && { camera: told }),
        },
      });
      return imageRecord(row);
    });
  }

  settings(camera: string, options?: { fresh?: boolean }): Promise<CameraSettingsAnswer> {
    return this.#control.settings(camera, options);
  }

  async applySettings(camera: string, change: CameraSettingsChange, actor: Actor): Promise<CameraSettingsAnswer> {
    const answer = await this.#control.apply(camera, change, actor);
    await this.#audit(this.#options.db, actor, 'camera.settings', `camera/${camera}`, { ...change });
    return answer;
  }

  async status(camera: string, isForced = false): Promise<CameraStatusAnswer> {
    const [answer, record] = await Promise.all([this.#control.status(camera), this.#control.record(camera)]);
    const remote = await this.#remotes.view(record, isForced);
    if (!remote) return answer;
    const { code, reason } = remote;
    return { ...answer, connected: code === null, code, reason: code === null ? answer.reason : reason, remote };
  }

  async setMode(camera: string, mode: RemoteMode | null): Promise<CameraStatusAnswer> {
    await this.#remotes.setMode(await this.#control.record(camera), mode);
    return this.status(camera);
  }

  async telemetry(camera: string, isForced = false): Promise<CameraTelemetry> {
    return this.#remotes.telemetry(await this.#control.record(camera), isForced);
  }

  async localAccess(camera: string): Promise<LocalAccess> {
    return this.#remotes.localAccess(await this.#control.record(camera));
  }

  async startPreview(camera: string): Promise<RemoteStream> {
    return this.#remotes.startPreview(await this.#control.record(camera));
  }

  async stopPreview(camera: string): Promise<void> {
    await this.#remotes.stopPreview(await this.#control.record(camera));
  }

  async previewFile(camera: string, name: string, signal?: AbortSignal): Promise<Buffer> {
    return this.#remotes.previewFile(await this.#control.record(camera), name, signal);
  }

  // Images -----------------------------------------------------------------------------------------------------------

  async images(query: GalleryQuery): Promise<GalleryList<ImageRecord>> {
    const { db } = this.#options;
    if (query.page !== undefined) {
      const [rows, total] = await Promise.all([listImages(db, paged(query)), countImages(db, query)]);
      return { items: rows.map(imageRecord), next: null, total };
    }
    const before = parseCursor(query.cursor);
    return page(await listImages(db, { ...query, before, limit: query.limit + 1 }), query.limit, imageRecord);
  }

  async image(id: number): Promise<ImageRecord> {
    return imageRecord(await this.#row(id));
  }

  async imageBytes(id: number): Promise<Buffer> {
    return this.#store.read(await this.#row(id));
  }

  async deleteImage(id: number, actor: Actor): Promise<void> {
    const { camera_id, filename } = await this.#row(id);
    await this.#store.remove(id);
    await this.#audit(this.#options.db, actor, 'image.delete', `image/${id}`, { camera: camera_id, filename });
  }

  // Products ---------------------------------------------------------------------------------------------------------

  async products(query: Parameters<GalleryService['products']>[0]) {
    const { cursor, limit, ...rest } = query;
    const rows = await listProducts(this.#options.db, { ...rest, before: parseCursor(cursor), limit: limit + 1 });
    return page(rows, limit, productRecord);
  }

  async product(id: number, who: { cameras: string[] | null; user: number }): Promise<ProductRecord> {
    const row = await findProduct(this.#options.db, id, who);
    if (!row) throw noProduct(id);
    return productRecord(row);
  }

  async createProduct(body: ProductCreate, asker: Asker): Promise<ProductRecord> {
    const { db } = this.#options;
    const { name, description = null, metadata = {} } = body;
    const userId = asker.userId ?? null;
    const id = await db.tx(async (q) => {
      const made = await insertProduct(q, { name, description, metadata, userId, at: this.#now() });
      await this.#audit(q, asker, 'product.create', `product/${made}`, { name });
      return made;
    });
    return this.product(id, { cameras: null, user: 0 });
  }

  async patchProduct(id: number, change: ProductPatch, actor: Actor): Promise<void> {
    await this.#options.db.tx(async (q) => {
      if (!(await updateProduct(q, id, { ...change, at: this.#now() }))) throw noProduct(id);
      await this.#audit(q, actor, 'product.patch', `product/${id}`, { ...change });
    });
  }

  async deleteProduct(id: number, actor: Actor): Promise<void> {
    await this.#options.db.tx(async (q) => {
      if (!(await deleteProduct(q, id))) throw noProduct(id);
      await this.#audit(q, actor, 'product.delete', `product/${id}`);
    });
  }

  // Videos -----------------------------------------------------------------------------------------------------------

  async videos(query: GalleryQuery): Promise<GalleryList<VideoRecord>> {
    const { db } = this.#options;
    if (query.page !== undefined) {
      const [rows, total] = await Promise.all([listVideos(db, paged(query)), countVideos(db, query)]);
      return { items: rows.map(videoRecord), next: null, total };
    }
    const before = parseCursor(query.cursor);
    return page(await listVideos(db, { ...query, before, limit: query.limit + 1 }), query.limit, videoRecord);
  }

  async video(id: number): Promise<VideoRecord> {
    const row = await findVideo(this.#options.db, id);
    if (!row) throw new AppError('video.not_found', `there is no recording ${id}`);
    return videoRecord(row);
  }

  async putVideo(video: NewVideo): Promise<VideoRecord> {
    const { url, title, description, camera, productId, userId, youtubeId, metadata, startedAt, endedAt } = video;
    const date = (ms: number | undefined) => (ms === undefined ? null : new Date(ms));
    const row = await upsertVideo(this.#options.db, {
      url,
      title: title ?? null,
      description: description ?? null,
      camera: camera ?? null,
      productId: productId ?? null,
      userId: userId ?? null,
      youtubeId: youtubeId ?? null,
      metadata: metadata ?? null,
      startedAt: date(startedAt),
      endedAt: date(endedAt),
      at: this.#now(),
    });
    return videoRecord(row);
  }

  async deleteVideo(id: number, actor: Actor): Promise<void> {
    await this.#options.db.tx(async (q) => {
      if (!(await deleteVideo(q, id))) throw new AppError('video.not_found', `there is no recording ${id}`);
      await this.#audit(q, actor, 'video.delete', `video/${id}`);
    });
  }

  async #row(id: number) {
    const row = await findImage(this.#options.db, id);
    if (!row) throw new AppError('image.not_found', `there is no picture ${id}`);
    return row;
  }

  #audit(q: Queryable, actor: Actor, action: string, object: string, details?: Record<string, unknown>): Promise<void> {
    return writeAudit(q, { actor: actor.name, ip: actor.ip, action, object, details });
  }

  #now(): Date {
    return new Date(this.#options.clock.now());
  }
}

function paged(query: GalleryQuery) {
  return { ...query, offset: ((query.page ?? 1) - 1) * query.limit };
}

function noProduct(id: number): AppError {
  return new AppError('product.not_found', `there is no product ${id}`, { field: 'product_id' });
}
