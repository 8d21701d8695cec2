import { AppError } from '../../contracts/errors.ts';
import { StreamCreate, StreamList, StreamPatch, StreamRecord } from '../../contracts/published.ts';
import type { FleetService, StreamsService } from '../../contracts/services.ts';
import type { User } from '../../contracts/users.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { requireCamera } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { byCreation, ShortListQuery, shortPage } from '../short-list.ts';

/** Streams to others. Who may not see the camera does not hear of its streams. */
export function publishedRoutes(
  streams: StreamsService,
  fleet: Pick<FleetService, 'camera'>,
  idempotency: IdempotencyCache,
): RouteSpec[] {
  const tag = 'streams';
  const visible = async (user: User, id: string) => {
    const stream = await streams.get(id);
    if (user.cameras !== null && !user.cameras.includes(stream.camera))
      throw new AppError('stream.not_found', `there is no stream ${JSON.stringify(id)}`);
    return stream;
  };
  const turn = (word: 'start' | 'stop', summary: string): RouteSpec => ({
    method: 'post',
    path: `/streams/:id/${word}`,
    access: 'operator',
    tag,
    summary,
    answer: StreamRecord,
    errors: ['stream.not_found'],
    async handle({ params: { id = '' }, user, actor }) {
      await visible(user, id);
      return streams.turn(id, word === 'start', actor);
    },
  });
  return [
    {
      method: 'get',
      path: '/streams',
      access: 'viewer',
      tag,
      summary: 'What is brought to others, of all cameras you may see, the newest first',
      query: ShortListQuery,
      answer: StreamList,
      async handle({ query, user }) {
        const items = await streams.list();
        return shortPage(
          items.filter(({ camera }) => user.cameras === null || user.cameras.includes(camera)),
          byCreation,
          query,
        );
      },
    },
    {
      method: 'get',
      path: '/cameras/:id/streams',
      access: 'viewer',
      tag,
      summary: 'The streams of a camera, the newest first',
      query: ShortListQuery,
      answer: StreamList,
      errors: ['camera.not_found'],
      async handle({ params: { id = '' }, query, user }) {
        requireCamera(user, id);
        await fleet.camera(id);
        return shortPage(await streams.list(id), byCreation, query);
      },
    },
    {
      method: 'post',
      path: '/cameras/:id/streams',
      access: 'operator',
      tag,
      summary:
        'Bring a camera to somebody else; several at once may be. Address and key are kept encrypted and never shown',
      body: StreamCreate,
      answer: StreamRecord,
      status: 201,
      errors: ['camera.not_found', 'stream.exists', 'stream.not_set_up', 'push.invalid'],
      idempotent: true,
      handle: (context) =>
        idempotency.run(context, async () => {
          const { id = '' } = context.params;
          requireCamera(context.user, id);
          await fleet.camera(id);
          return new Answer(201, await streams.create(id, context.body as StreamCreate, context.actor));
        }),
    },
    {
      method: 'get',
      path: '/streams/:id',
      access: 'viewer',
      tag,
      summary: 'One stream',
      operation: 'getStreamById',
      answer: StreamRecord,
      errors: ['stream.not_found'],
      handle: ({ params: { id = '' }, user }) => visible(user, id),
    },
    {
      method: 'patch',
      path: '/streams/:id',
      access: 'operator',
      tag,
      summary:
        'Change name, address, key or settings of a stream; the rest stays, and what is on starts over only if it has to',
      body: StreamPatch,
      answer: StreamRecord,
      errors: ['stream.not_found', 'stream.exists', 'stream.of_flow', 'stream.on', 'push.invalid'],
      async handle({ params: { id = '' }, body, user, actor }) {
        await visible(user, id);
        return streams.change(id, body as StreamPatch, actor);
      },
    },
    turn('start', 'Switch a stream on, also one of a flow; one that is on stays as it is'),
    turn('stop', 'Switch it off until it is started again'),
    {
      method: 'delete',
      path: '/streams/:id',
      access: 'operator',
      tag,
      summary: 'End a stream and forget it; one of a flow is known again at the next deploy, switched off',
      status: 204,
      errors: ['stream.not_found'],
      async handle({ params: { id = '' }, user, actor }) {
        await visible(user, id);
        await streams.remove(id, actor);
        return new Answer(204);
      },
    },
  ];
}
