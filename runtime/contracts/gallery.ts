import { type Static, Type } from 'typebox';
import type { CameraSettingsChange } from './cameras.ts';
import { CameraSettings } from './cameras.ts';
import {
  type CameraTelemetry,
  type LocalAccess,
  REMOTE_MODES,
  type RemoteMode,
  RemoteStream,
} from './remote-cameras.ts';
import { anything, nullable, pageOf, time } from './schema.ts';
import type { Actor } from './services.ts';

/** Where a device brings a picture that it was asked for, below the server's address; multipart as a frame (`meta`, `image`). */
export const PICTURE_PATH = 'api/v1/ingest/picture';

/** The header that carries the nonce of a `capture` command back, beside `X-DEVICE-KEY`. */
export const CAPTURE_NONCE_HEADER = 'x-capture-nonce';

/** In its place the header for a picture that the device took by itself: the key is good for one picture of the device, for ever. */
export const UPLOAD_KEY_HEADER = 'idempotency-key';
export const UPLOAD_KEY_PATTERN = '^[A-Za-z0-9_-]{16,64}$';

/** Exact words of seed 002 (S2.14, S2.15), which its clients show. Why it is so stands in `reason`. */
export const CAMERA_UNAVAILABLE = 'Camera service unavailable';
export const CAMERA_NOT_CONNECTED = 'Camera not connected';

const exposure = { minimum: 0, description: 'ms' };
const gain = { minimum: 0, description: 'as in the settings of the camera' };
const description = Type.String({ maxLength: 500 });
const productId = Type.Integer({ minimum: 1, maximum: 2_147_483_647 });

/** `meta` of `POST /api/v1/ingest/picture`. Unknown fields are ignored. */
export const PictureMeta = Type.Object({
  camera: Type.String({ maxLength: 63 }),
  captured_at: Type.Integer({ minimum: 0, maximum: 8.64e15, description: 'epoch ms' }),
  width: Type.Integer({ minimum: 1, maximum: 65_535 }),
  height: Type.Integer({ minimum: 1, maximum: 65_535 }),
  jpeg_quality: Type.Number({ minimum: 0, maximum: 100 }),
  exposure: Type.Optional(nullable(Type.Number())),
  gain: Type.Optional(nullable(Type.Number())),
  driver: Type.Optional(Type.String({ maxLength: 40 })),
});
export type PictureMeta = Static<typeof PictureMeta>;

/** The same for a picture that the device took by itself. Unknown fields are ignored. */
export const OwnPictureMeta = Type.Object({
  ...PictureMeta.properties,
  product_id: Type.Optional(nullable(productId)),
  description: Type.Optional(nullable(description)),
  asked: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { description: 'what was sent along with the request, as it was' }),
  ),
});
export type OwnPictureMeta = Static<typeof OwnPictureMeta>;

/** `asked` has at most so many characters as JSON. */
export const MOST_ASKED_CHARS = 16_384;

/** `POST /api/v1/cameras/{id}/capture`. Exposure and gain hold for this picture. */
export const CaptureBody = Type.Object(
  {
    exposure: Type.Optional(Type.Number(exposure)),
    gain: Type.Optional(Type.Number(gain)),
    product_id: Type.Optional(productId),
    description: Type.Optional(description),
  },
  { title: 'CaptureBody', additionalProperties: false },
);
export type CaptureBody = Static<typeof CaptureBody>;

/** A picture that somebody asked for. */
export const ImageRecord = Type.Object(
  {
    id: Type.Integer(),
    camera: Type.String(),
    device: Type.String(),
    product_id: nullable(Type.Integer()),
    user_id: nullable(Type.Integer()),
    filename: Type.String({ examples: ['capture_20261120_120000_000.jpg'] }),
    image: Type.String({ examples: ['/api/v1/images/7/image.jpg'] }),
    description: nullable(Type.String()),
    captured_at: time(),
    exposure: nullable(Type.Number(), { description: 'ms; null: the camera found it by itself, or does not say' }),
    gain: nullable(Type.Number()),
    width: Type.Integer(),
    height: Type.Integer(),
    size: Type.Integer({ description: 'bytes' }),
    metadata: anything(),
    created_at: time(),
    updated_at: time(),
  },
  { title: 'ImageRecord' },
);
export type ImageRecord = Static<typeof ImageRecord>;

/** `DELETE /images/{id}`, as seed 002 answers it. */
export const ImageDeleted = Type.Object(
  { success: Type.Literal(true), message: Type.String(), imageId: Type.Integer() },
  { title: 'ImageDeleted' },
);

/** A picture in a list that was asked for by `page`: with the fields of seed 002's table too. */
export const SeedImage = Type.Object(
  {
    ...ImageRecord.properties,
    userId: nullable(Type.Integer()),
    job_id: Type.Null(),
    filepath: Type.String(),
    thumbnail_path: Type.String(),
    capturedAt: time(),
    x_position: Type.Null(),
    y_position: Type.Null(),
    z_position: Type.Null(),
    exposureTime: nullable(Type.Number()),
    exposure_time: nullable(Type.Number()),
    gamma: Type.Null(),
    fileSize: Type.Integer(),
    file_size: Type.Integer(),
  },
  { title: 'SeedImage' },
);
export type SeedImage = Static<typeof SeedImage>;

const productFields = {
  name: Type.String({ minLength: 1, maxLength: 200 }),
  description: nullable(Type.String({ maxLength: 2000 })),
  metadata: anything(),
};

/** What pictures and recordings hang on. */
export const ProductRecord = Type.Object(
  {
    id: Type.Integer(),
    ...productFields,
    user_id: nullable(Type.Integer(), { description: 'who made it' }),
    images: Type.Integer({ description: 'how many pictures it has that you may see' }),
    videos: Type.Integer(),
    created_at: time(),
    updated_at: time(),
  },
  { title: 'ProductRecord' },
);
export type ProductRecord = Static<typeof ProductRecord>;

export const ProductCreate = Type.Object(
  {
    name: productFields.name,
    description: Type.Optional(productFields.description),
    metadata: Type.Optional(productFields.metadata),
  },
  { title: 'ProductCreate', additionalProperties: false },
);
export type ProductCreate = Static<typeof ProductCreate>;

export const ProductPatch = Type.Object(
  {
    name: Type.Optional(productFields.name),
    description: Type.Optional(productFields.description),
    metadata: Type.Optional(productFields.metadata),
  },
  { title: 'ProductPatch', additionalProperties: false, minProperties: 1 },
);
export type ProductPatch = Static<typeof ProductPatch>;

/** A recording that lies elsewhere, as on YouTube. */
export const VideoRecord = Type.Object(
  {
    id: Type.Integer(),
    url: Type.String(),
    title: nullable(Type.String()),
    description: nullable(Type.String()),
    camera: nullable(Type.String()),
    product_id: nullable(Type.Integer()),
    user_id: nullable(Type.Integer()),
    youtube_id: nullable(Type.String()),
    metadata: anything(),
    started_at: nullable(time()),
    ended_at: nullable(time()),
    created_at: time(),
    updated_at: time(),
  },
  { title: 'VideoRecord' },
);
export type VideoRecord = Static<typeof VideoRecord>;

/** A recording as the stage that makes it says it; times are epoch ms. */
export interface NewVideo {
  url: string;
  title?: string | undefined;
  description?: string | undefined;
  camera?: string | undefined;
  productId?: number | undefined;
  userId?: number | undefined;
  youtubeId?: string | undefined;
  metadata?: Record<string, unknown> | undefined;
  startedAt?: number | undefined;
  endedAt?: number | undefined;
}

const Pagination = Type.Object(
  { total: Type.Integer(), page: Type.Integer(), limit: Type.Integer(), totalPages: Type.Integer() },
  { title: 'Pagination' },
);
export type Pagination = Static<typeof Pagination>;

/** A list as our own API has it, or, asked with `page`, as seed 002 has it. */
export const ImagePage = Type.Union(
  [pageOf(ImageRecord), Type.Object({ data: Type.Array(SeedImage), pagination: Pagination })],
  { title: 'ImageList' },
);
export const VideoPage = Type.Union(
  [pageOf(VideoRecord), Type.Object({ data: Type.Array(VideoRecord), pagination: Pagination })],
  { title: 'VideoList' },
);
export const ProductPage = pageOf(ProductRecord);

/** What a list of pictures or recordings is asked for. `cameras` limits it to what the user may see (null: all). */
export interface GalleryQuery {
  limit: number;
  cursor?: string | undefined;
  /** counted from 1; with it the answer has totals, and no cursor */
  page?: number | undefined;
  cameras: string[] | null;
  camera?: string | undefined;
  device?: string | undefined;
  product?: number | undefined;
  /** only what has this text in its description, whatever the case */
  description?: string | undefined;
  /** only what this user made */
  user?: number | undefined;
  from?: number | undefined;
  to?: number | undefined;
}

export interface GalleryList<T> {
  items: T[];
  next: string | null;
  /** with `page` only */
  total?: number;
}

/** A camera's settings as the API shows them. */
export const CameraSettingsAnswer = Type.Object(
  {
    ...CameraSettings.properties,
    connected: Type.Boolean({ description: 'it can be asked for a picture, as far as is known' }),
    streaming: Type.Boolean({ description: 'its live stream runs' }),
  },
  { title: 'CameraSettingsAnswer' },
);
export type CameraSettingsAnswer = Static<typeof CameraSettingsAnswer>;

/** How a camera with an API of its own says that it is, or why it does not. */
export const RemoteView = Type.Object(
  {
    mode: nullable(Type.Enum([...REMOTE_MODES])),
    stream: nullable(RemoteStream),
    last_seen: nullable(time(), { description: 'when it last answered' }),
    code: nullable(Type.String({ examples: ['camera.key_refused'] }), { description: 'why it does not say' }),
    reason: nullable(Type.String()),
  },
  { title: 'RemoteView' },
);
export type RemoteView = Static<typeof RemoteView>;

export const CameraStatusAnswer = Type.Object(
  {
    id: Type.String(),
    device: Type.String(),
    driver: Type.String(),
    state: Type.String(),
    connected: Type.Boolean(),
    streaming: Type.Boolean(),
    last_frame: nullable(time()),
    reason: nullable(Type.String(), { description: 'why it is not connected, in words' }),
    code: nullable(Type.String({ examples: ['camera.key_refused'] }), {
      description: 'the same as a code, where the camera was asked',
    }),
    remote: nullable(RemoteView, { description: 'what a camera with an API of its own says, at most 15 s old' }),
  },
  { title: 'CameraStatusAnswer' },
);
export type CameraStatusAnswer = Static<typeof CameraStatusAnswer>;

/** Who asks for a picture. */
export interface Asker extends Actor {
  userId?: number | undefined;
}

/** A device brings a picture: it was asked for one, and this is the one time that its nonce is good. */
export interface PictureTicket {
  camera: string;
  /** Hands the picture over; resolves with the image's id once it is durable. */
  deliver(picture: { jpeg: Buffer; meta: PictureMeta }): Promise<number>;
  /** What came is no picture: whoever waits is told. */
  fail(error: unknown): void;
}

/** Pictures of devices on their way in. */
export interface PictureDesk {
  /** Redeems a nonce; throws `picture.not_asked` for one that is unknown, used, too late, or another device's. */
  claim(device: string, nonce: string): PictureTicket;
  /**
   * Keeps a picture that the device took by itself; resolves once it is durable. A second one under the same key is the first one again.
   * Throws `product.not_found`, `disk.full`, `db.unavailable`, and `request.invalid` for another picture under a key that was used.
   */
  keep(
    device: string,
    picture: { key: string; jpeg: Buffer; meta: OwnPictureMeta },
  ): Promise<{ image: number; duplicate: boolean }>;
}

/** Stage `gallery`: pictures on request, what they hang on, and the settings of the cameras that take them. */
export interface GalleryService {
  /**
   * Takes a picture now and keeps it. Throws `camera.unreachable` (also when it takes too long), `camera.no_picture`, `capture.busy`,
   * `camera.setting_invalid`, `product.not_found`, `disk.full`.
   */
  capture(camera: string, body: CaptureBody, asker: Asker, signal?: AbortSignal): Promise<ImageRecord>;
  /** From memory when they are known, unless `fresh`. */
  settings(camera: string, options?: { fresh?: boolean }): Promise<CameraSettingsAnswer>;
  /** Changes settings of a camera here or at its device. Throws as `capture`. */
  applySettings(camera: string, change: CameraSettingsChange, actor: Actor): Promise<CameraSettingsAnswer>;
  /** `isForced`: a camera with an API of its own is asked now, whatever it said before. */
  status(camera: string, isForced?: boolean): Promise<CameraStatusAnswer>;
  /** Wakes a camera with an API of its own in a mode, or rests it with null; throws `camera.not_supported` for another, `camera.busy`. */
  setMode(camera: string, mode: RemoteMode | null): Promise<CameraStatusAnswer>;
  /** How the machine is that the camera hangs on; of a camera with an API of its own at most 120 s old. */
  telemetry(camera: string, isForced?: boolean): Promise<CameraTelemetry>;
  /** Throws `camera.not_supported` for a camera that has no way past this server. */
  localAccess(camera: string): Promise<LocalAccess>;
  /** Has a camera with an API of its own show itself live; throws `camera.not_supported` for another, `camera.busy`. */
  startPreview(camera: string): Promise<RemoteStream>;
  /** Throws `stream.not_found` when it does not. */
  stopPreview(camera: string): Promise<void>;
  /** A playlist or piece of its own HLS; throws `stream.gone` for a name that it does not have. */
  previewFile(camera: string, name: string, signal?: AbortSignal): Promise<Buffer>;
  images(query: GalleryQuery): Promise<GalleryList<ImageRecord>>;
  image(id: number): Promise<ImageRecord>;
  /** The picture's bytes; throws `image.not_found`. */
  imageBytes(id: number): Promise<Buffer>;
  deleteImage(id: number, actor: Actor): Promise<void>;
  /** `cameras` limits what is seen of products and counted: null is all; `user` sees their own too. */
  products(query: {
    limit: number;
    cursor?: string | undefined;
    cameras: string[] | null;
    user: number;
    search?: string | undefined;
  }): Promise<{
    items: ProductRecord[];
    next: string | null;
  }>;
  /** Throws `product.not_found`, also for one that the user may not see. */
  product(id: number, who: { cameras: string[] | null; user: number }): Promise<ProductRecord>;
  createProduct(body: ProductCreate, asker: Asker): Promise<ProductRecord>;
  patchProduct(id: number, change: ProductPatch, actor: Actor): Promise<void>;
  /** Its pictures and recordings stay, without it. */
  deleteProduct(id: number, actor: Actor): Promise<void>;
  videos(query: GalleryQuery): Promise<GalleryList<VideoRecord>>;
  video(id: number): Promise<VideoRecord>;
  /** Writes a recording down; one with a known `youtubeId` is brought up to date instead. */
  putVideo(video: NewVideo): Promise<VideoRecord>;
  /** Forgets it; the recording itself stays where it is. */
  deleteVideo(id: number, actor: Actor): Promise<void>;
}
