import type { FramesService } from '../../contracts/services.ts';
import { listQuery, listSchema, requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';

/** Headers of every picture: never sniffed, never rendered as anything but a picture. */
export const PICTURE_HEADERS = {
  'Content-Type': 'image/jpeg',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'Cache-Control': 'private, max-age=86400',
};

/** Stored frames. */
export function captureRoutes(frames: FramesService): RouteSpec[] {
  const tag = 'captures';
  return [
    {
      method: 'get',
      path: '/captures',
      access: 'viewer',
      tag,
      summary: 'Stored frames, newest first',
      query: listSchema({}),
      handle: ({ query, user }) => frames.list(listQuery(query, user)),
    },
    {
      method: 'get',
      path: '/captures/:id',
      access: 'viewer',
      tag,
      summary: 'One stored frame',
      async handle({ params, user }) {
        const capture = await frames.get(params.id ?? '');
        requireCamera(user, capture.camera);
        return capture;
      },
    },
    {
      method: 'get',
      path: '/captures/:id/image.jpg',
      access: 'viewer',
      tag,
      summary: 'Its picture, as the device sent it',
      produces: 'image/jpeg',
      async handle({ params, user }) {
        const capture = await frames.get(params.id ?? '');
        requireCamera(user, capture.camera);
        return new Answer(200, await frames.image(capture.id), PICTURE_HEADERS);
      },
    },
  ];
}
