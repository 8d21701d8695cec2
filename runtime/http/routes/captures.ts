import type { Request } from 'express';
import { CaptureRecord } from '../../contracts/api.ts';
import { pageOf } from '../../contracts/schema.ts';
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

/** A picture that never changes under its name; whoever has it is told so, and its bytes are not read. */
export async function pictureAnswer(req: Request, name: string, read: () => Promise<Buffer>): Promise<Answer> {
  const headers = { ...PICTURE_HEADERS, ETag: `"${name}"` };
  const known = (req.get('If-None-Match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(headers.ETag) || known.includes('*')) return new Answer(304, undefined, headers);
  return new Answer(200, await read(), headers);
}

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
      answer: pageOf(CaptureRecord),
      query: listSchema({}),
      handle: ({ query, user }) => frames.list(listQuery(query, user)),
    },
    {
      method: 'get',
      path: '/captures/:id',
      access: 'viewer',
      tag,
      summary: 'One stored frame',
      answer: CaptureRecord,
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
      byEditor: true,
      tag,
      summary: 'Its picture, as the device sent it',
      errors: ['capture.bytes_gone'],
      produces: 'image/jpeg',
      async handle({ params, user, req }) {
        const capture = await frames.get(params.id ?? '');
        requireCamera(user, capture.camera);
        return pictureAnswer(req, capture.id, () => frames.image(capture.id));
      },
    },
  ];
}
