import { Type } from 'typebox';
import { AppError } from '../../contracts/errors.ts';
import {
  EVENT_TYPES,
  EventPatch,
  EventRecord,
  type EventType,
  IMAGE_ROLES,
  type ImageRole,
} from '../../contracts/events.ts';
import { pageOf } from '../../contracts/schema.ts';
import type { EventsService } from '../../contracts/services.ts';
import { listQuery, listSchema, requireCamera } from '../list-query.ts';
import type { RouteSpec } from '../route.ts';
import { pictureAnswer } from './captures.ts';

/** What happened: list, one, its pictures, the operator's verdict. */
export function eventRoutes(events: EventsService): RouteSpec[] {
  const tag = 'events';
  const query = listSchema({
    type: Type.Optional(Type.Enum(EVENT_TYPES)),
    reviewed: Type.Optional(Type.Boolean()),
  });
  return [
    {
      method: 'get',
      path: '/events',
      access: 'viewer',
      tag,
      summary: 'Events, newest first',
      answer: pageOf(EventRecord),
      query,
      handle: ({ query, user }) =>
        events.list({
          ...listQuery(query, user),
          type: query.type as EventType | undefined,
          reviewed: query.reviewed as boolean | undefined,
        }),
    },
    {
      method: 'get',
      path: '/events/:id',
      access: 'viewer',
      tag,
      summary: 'One event; details say why it fired',
      answer: EventRecord,
      async handle({ params, user }) {
        const event = await events.get(params.id ?? '');
        requireCamera(user, event.camera);
        return event;
      },
    },
    {
      method: 'patch',
      path: '/events/:id',
      access: 'operator',
      tag,
      summary: 'Note, reviewed, verdict (true, false or null), keep (exempt from retention)',
      answer: EventRecord,
      body: EventPatch,
      async handle({ params, body, user, actor }) {
        requireCamera(user, (await events.get(params.id ?? '')).camera);
        return events.patch(params.id ?? '', body as EventPatch, actor);
      },
    },
    {
      method: 'get',
      path: '/events/:id/images/:file',
      access: 'viewer',
      tag,
      summary: 'Its picture: pre.jpg, during.jpg, post.jpg or thumb.jpg',
      errors: ['image.not_found'],
      produces: 'image/jpeg',
      async handle({ params, user, req }) {
        const role = (params.file ?? '').replace(/\.jpg$/, '') as ImageRole;
        if (!IMAGE_ROLES.includes(role)) {
          throw new AppError(
            'image.not_found',
            `an event has the pictures ${IMAGE_ROLES.map((name) => `${name}.jpg`).join(', ')}`,
          );
        }
        const event = await events.get(params.id ?? '');
        requireCamera(user, event.camera);
        return pictureAnswer(req, `${event.id}-${role}`, () => events.image(event.id, role));
      },
    },
  ];
}
