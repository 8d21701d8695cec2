import { Type } from 'typebox';
import {
  type GalleryList,
  type GalleryQuery,
  type GalleryService,
  ImageDeleted,
  ImagePage,
  ImageRecord,
  ProductCreate,
  ProductPage,
  ProductPatch,
  ProductRecord,
  type SeedImage,
  VideoPage,
  VideoRecord,
} from '../../contracts/gallery.ts';
import type { User } from '../../contracts/users.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { listQuery, listSchema, requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { pictureAnswer } from './captures.ts';
import { integerId } from './integer-id.ts';

const querySchema = listSchema({
  page: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'from 1; the answer is then {data, pagination}' }),
  ),
  product: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  description: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'part of the description' })),
  filter: Type.Optional(Type.Enum(['mine', 'all'], { description: 'mine: only what I asked for' })),
});

/** Pictures on request, products, recordings. */
export function galleryRoutes(gallery: GalleryService, idempotency: IdempotencyCache): RouteSpec[] {
  return [
    ...imageRoutes(gallery),
    ...productReadRoutes(gallery),
    ...productWriteRoutes(gallery, idempotency),
    ...videoRoutes(gallery),
  ];
}

function imageRoutes(gallery: GalleryService): RouteSpec[] {
  const tag = 'images';
  const mine = async (id: string | undefined, user: User) => {
    const image = await gallery.image(integerId(id, 'image.not_found'));
    requireCamera(user, image.camera);
    return image;
  };
  return [
    {
      method: 'get',
      path: '/images',
      access: 'viewer',
      tag,
      summary: 'Pictures on request, newest first; with page as {data, pagination}',
      query: querySchema,
      answer: ImagePage,
      handle: async ({ query, user }) => listAnswer(await gallery.images(galleryQuery(query, user)), query, seedImage),
    },
    {
      method: 'get',
      path: '/images/:id',
      access: 'viewer',
      tag,
      summary: 'One picture on request',
      answer: ImageRecord,
      errors: ['image.not_found'],
      handle: ({ params, user }) => mine(params.id, user),
    },
    {
      method: 'get',
      path: '/images/:id/image.jpg',
      access: 'viewer',
      tag,
      summary: 'Its bytes, as the camera gave them',
      produces: 'image/jpeg',
      errors: ['image.not_found'],
      async handle({ req, params, user }) {
        const image = await mine(params.id, user);
        // The id alone is not its name for good: a database that was lost counts from the beginning.
        return pictureAnswer(req, `${image.id}-${image.filename}`, () => gallery.imageBytes(image.id));
      },
    },
    {
      method: 'delete',
      path: '/images/:id',
      access: 'operator',
      tag,
      summary: 'Delete a picture and its file',
      answer: ImageDeleted,
      errors: ['image.not_found'],
      async handle({ params, user, actor }) {
        const image = await mine(params.id, user);
        await gallery.deleteImage(image.id, actor);
        return { success: true, message: 'Image deleted', imageId: image.id };
      },
    },
  ];
}

function productReadRoutes(gallery: GalleryService): RouteSpec[] {
  const tag = 'products';
  return [
    {
      method: 'get',
      path: '/products',
      access: 'viewer',
      tag,
      summary:
        'Products, newest first; who is limited to some cameras sees their own, and those with pictures of these',
      query: Type.Object(
        {
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
          cursor: Type.Optional(Type.String({ maxLength: 200 })),
          search: Type.Optional(Type.String({ maxLength: 200, description: 'part of the name' })),
        },
        { additionalProperties: false },
      ),
      answer: ProductPage,
      handle: ({ query, user }) =>
        gallery.products({
          limit: (query.limit as number | undefined) ?? 50,
          cursor: query.cursor as string | undefined,
          search: query.search as string | undefined,
          ...viewer(user),
        }),
    },
    {
      method: 'get',
      path: '/products/:id',
      access: 'viewer',
      tag,
      summary: 'One product',
      answer: ProductRecord,
      errors: ['product.not_found'],
      handle: ({ params, user }) => gallery.product(integerId(params.id, 'product.not_found'), viewer(user)),
    },
    {
      method: 'get',
      path: '/products/:id/images',
      access: 'viewer',
      tag,
      summary: 'The pictures of a product',
      query: querySchema,
      answer: ImagePage,
      errors: ['product.not_found'],
      async handle({ params, query, user }) {
        const { id } = await gallery.product(integerId(params.id, 'product.not_found'), viewer(user));
        return listAnswer(await gallery.images({ ...galleryQuery(query, user), product: id }), query, seedImage);
      },
    },
  ];
}

function productWriteRoutes(gallery: GalleryService, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'products';
  const seen = (id: string | undefined, user: User) =>
    gallery.product(integerId(id, 'product.not_found'), viewer(user));
  return [
    {
      method: 'post',
      path: '/products',
      access: 'operator',
      tag,
      summary: 'Add a product',
      body: ProductCreate,
      answer: ProductRecord,
      status: 201,
      idempotent: true,
      handle: (context) =>
        idempotency.run(context, async () => {
          const { user, actor, body } = context;
          return new Answer(
            201,
            await gallery.createProduct(body as ProductCreate, { ...actor, userId: user.id || undefined }),
          );
        }),
    },
    {
      method: 'patch',
      path: '/products/:id',
      access: 'operator',
      tag,
      summary: 'Change a product',
      body: ProductPatch,
      answer: ProductRecord,
      errors: ['product.not_found'],
      async handle({ params, body, user, actor }) {
        const { id } = await seen(params.id, user);
        await gallery.patchProduct(id, body as ProductPatch, actor);
        return gallery.product(id, viewer(user));
      },
    },
    {
      method: 'delete',
      path: '/products/:id',
      access: 'operator',
      tag,
      summary: 'Delete a product; its pictures and recordings stay, without it',
      status: 204,
      errors: ['product.not_found'],
      async handle({ params, user, actor }) {
        const { id } = await seen(params.id, user);
        await gallery.deleteProduct(id, actor);
        return new Answer(204);
      },
    },
  ];
}

function videoRoutes(gallery: GalleryService): RouteSpec[] {
  const tag = 'videos';
  const mine = async (id: string | undefined, user: User) => {
    const video = await gallery.video(integerId(id, 'video.not_found'));
    if (user.cameras !== null) requireCamera(user, video.camera ?? '');
    return video;
  };
  return [
    {
      method: 'get',
      path: '/videos',
      access: 'viewer',
      tag,
      summary: 'Recordings that lie elsewhere, newest first; with page as {data, pagination}',
      query: querySchema,
      answer: VideoPage,
      handle: async ({ query, user }) => listAnswer(await gallery.videos(galleryQuery(query, user)), query),
    },
    {
      method: 'get',
      path: '/videos/:id',
      access: 'viewer',
      tag,
      summary: 'One recording',
      answer: VideoRecord,
      errors: ['video.not_found'],
      handle: ({ params, user }) => mine(params.id, user),
    },
    {
      method: 'delete',
      path: '/videos/:id',
      access: 'operator',
      tag,
      summary: 'Forget a recording; it stays where it lies',
      status: 204,
      errors: ['video.not_found'],
      async handle({ params, user, actor }) {
        const video = await mine(params.id, user);
        await gallery.deleteVideo(video.id, actor);
        return new Answer(204);
      },
    },
  ];
}

function viewer(user: User): { cameras: string[] | null; user: number } {
  return { cameras: user.cameras, user: user.id };
}

function galleryQuery(query: Record<string, unknown>, user: User): GalleryQuery {
  return {
    ...listQuery(query, user),
    page: query.page as number | undefined,
    product: query.product as number | undefined,
    description: query.description as string | undefined,
    user: query.filter === 'mine' ? user.id : undefined,
  };
}

/** A picture with the fields of seed 002's table beside ours (S2.13); what Redeye does not know of it is null. */
function seedImage(image: ImageRecord): SeedImage {
  const { filename, captured_at, user_id, exposure, size, image: thumbnail } = image;
  return {
    ...image,
    userId: user_id,
    job_id: null,
    filepath: `./captures/${filename}`,
    thumbnail_path: thumbnail,
    capturedAt: captured_at,
    x_position: null,
    y_position: null,
    z_position: null,
    exposureTime: exposure,
    exposure_time: exposure,
    gamma: null,
    fileSize: size,
    file_size: size,
  };
}

/** In our own shape, or with `page` in that of seed 002. */
function listAnswer<T>(
  { items, next, total }: GalleryList<T>,
  query: Record<string, unknown>,
  asSeed: (item: T) => object = (item) => item as object,
): object {
  if (total === undefined) return { items, next };
  const limit = (query.limit as number | undefined) ?? 50;
  const pagination = { total, page: query.page, limit, totalPages: Math.ceil(total / limit) };
  return { data: items.map(asSeed), pagination };
}
