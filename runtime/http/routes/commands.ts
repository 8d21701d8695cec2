import { CommandCreate, CommandPage, CommandRecord } from '../../contracts/commands.ts';
import { AppError } from '../../contracts/errors.ts';
import type { CommandService, FleetService } from '../../contracts/services.ts';
import type { User } from '../../contracts/users.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { ShortListQuery } from '../short-list.ts';

/** What devices are told to do. A command is about a device as a whole: who sends one must see all of its cameras. */
export function commandRoutes(
  commands: CommandService,
  fleet: FleetService,
  idempotency: IdempotencyCache,
): RouteSpec[] {
  const tag = 'devices';
  const requireDevice = async (user: User, id: string) => {
    if (user.cameras === null) return;
    const { cameras } = await fleet.device(id);
    if (cameras.length === 0 || !cameras.every((camera) => user.cameras?.includes(camera)))
      throw new AppError('auth.forbidden', `you may not see all cameras of the device ${id}`);
  };
  return [
    {
      method: 'post',
      path: '/devices/:id/commands',
      access: 'operator',
      tag,
      summary: 'Tell a device to do something; kept for it until it expires',
      body: CommandCreate,
      answer: CommandRecord,
      status: 202,
      errors: ['device.not_found', 'command.forbidden'],
      idempotent: true,
      handle: (context) =>
        idempotency.run(context, async () => {
          const id = context.params.id ?? '';
          await requireDevice(context.user, id);
          return new Answer(202, await commands.issue(id, context.body as CommandCreate, context.actor));
        }),
    },
    {
      method: 'get',
      path: '/devices/:id/commands',
      access: 'operator',
      tag,
      summary: 'The commands of a device, the newest first',
      query: ShortListQuery,
      answer: CommandPage,
      errors: ['device.not_found'],
      async handle({ params, query, user }) {
        const { id } = await fleet.device(params.id ?? '');
        await requireDevice(user, id);
        const { limit = 50, cursor } = query as { limit?: number; cursor?: string };
        return commands.list(id, { limit, ...(cursor !== undefined && { cursor }) });
      },
    },
    {
      method: 'get',
      path: '/commands/:id',
      access: 'operator',
      tag,
      summary: 'What became of a command',
      answer: CommandRecord,
      errors: ['command.not_found'],
      async handle({ params, user }) {
        const command = await commands.get(params.id ?? '');
        await requireDevice(user, command.device);
        return command;
      },
    },
  ];
}
