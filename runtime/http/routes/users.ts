import { Type } from 'typebox';
import { UserAccount } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';
import { pageOf } from '../../contracts/schema.ts';
import {
  AppPasswordCreate,
  AppPasswordMade,
  AppPasswordRecord,
  AuditRecord,
  UserCreate,
  UserPatch,
} from '../../contracts/users.ts';
import type { Accounts } from '../auth/accounts.ts';
import type { IdempotencyCache } from '../idempotency.ts';
import { parseTime } from '../list-query.ts';
import { Answer, type RouteSpec } from '../route.ts';
import { byNumber, ShortListQuery, shortPage } from '../short-list.ts';

const name = (of: string) => Type.Optional(Type.String({ maxLength: 200, description: `only of this ${of}` }));
const time = (of: string) => Type.Optional(Type.String({ maxLength: 40, description: `${of}, RFC 3339 or epoch ms` }));

const AuditAsked = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
    cursor: Type.Optional(Type.String({ pattern: '^\\d{1,15}$' })),
    actor: name('actor, as user:anna'),
    action: name('action, as device.create'),
    object: name('object, as device/pantry'),
    from: time('from this time on'),
    to: time('before this time'),
  },
  { additionalProperties: false },
);

/** People, their app passwords, and who did what. For administrators. */
export function userRoutes(accounts: Accounts, idempotency: IdempotencyCache): RouteSpec[] {
  const tag = 'users';
  const common = { access: 'admin', tag } as const;
  return [
    {
      ...common,
      method: 'get',
      path: '/users',
      summary: 'Everybody who may log in, the newest first',
      query: ShortListQuery,
      answer: pageOf(UserAccount),
      handle: async ({ query }) => shortPage(await accounts.people.list(), byNumber, query),
    },
    {
      ...common,
      method: 'post',
      path: '/users',
      summary: 'Add a user; without a password one is made up and shown once, to be changed at the first login',
      body: UserCreate,
      status: 201,
      answer: UserAccount,
      idempotent: true,
      errors: ['user.exists'],
      handle: (context) =>
        idempotency.run(
          context,
          async () =>
            new Answer(201, await accounts.people.create(context.body as UserCreate, context.actor), NOT_KEPT),
        ),
    },
    {
      ...common,
      method: 'patch',
      path: '/users/:id',
      summary: 'Change role, cameras and rights, reset the password, disable or enable; the last admin stays one',
      body: UserPatch,
      answer: UserAccount,
      errors: ['user.exists', 'user.last_admin'],
      handle: ({ params, body, actor }) => accounts.people.patch(userId(params.id), body as UserPatch, actor),
    },
    {
      ...common,
      method: 'delete',
      path: '/users/:id',
      summary: 'Delete a user; their app passwords and sessions end',
      status: 204,
      errors: ['user.last_admin'],
      async handle({ params, actor }) {
        await accounts.people.remove(userId(params.id), actor);
        return new Answer(204);
      },
    },
    {
      ...common,
      method: 'get',
      path: '/users/:id/credentials',
      summary: "A user's app passwords, the newest first, never themselves",
      query: ShortListQuery,
      answer: pageOf(AppPasswordRecord),
      handle: async ({ params, query }) =>
        shortPage(await accounts.people.credentials(userId(params.id)), byNumber, query),
    },
    {
      ...common,
      method: 'post',
      path: '/users/:id/credentials',
      summary: 'An app password for MQTT, metrics and live pictures; shown once',
      body: AppPasswordCreate,
      status: 201,
      answer: AppPasswordMade,
      idempotent: true,
      handle: (context) =>
        idempotency.run(context, async () => {
          const { name: of } = context.body as AppPasswordCreate;
          return new Answer(
            201,
            await accounts.people.addCredential(userId(context.params.id), of, context.actor),
            NOT_KEPT,
          );
        }),
    },
    {
      ...common,
      method: 'delete',
      path: '/users/:id/credentials/:credential',
      summary: 'End an app password at once',
      status: 204,
      errors: ['credential.not_found'],
      async handle({ params, actor }) {
        const credential = numberOf(params.credential);
        if (credential === undefined) throw new AppError('credential.not_found', 'there is no such app password');
        await accounts.people.revokeCredential(userId(params.id), credential, actor);
        return new Answer(204);
      },
    },
    {
      ...common,
      tag: 'operations',
      method: 'get',
      path: '/audit',
      summary: 'Who did what, newest first',
      query: AuditAsked,
      answer: pageOf(AuditRecord),
      handle({ query }) {
        const { limit = 50, cursor, actor, action, object, from, to } = query as Record<string, string | undefined>;
        return accounts.audit({
          limit: Number(limit),
          ...(cursor !== undefined && { before: Number(cursor) }),
          actor,
          action,
          object,
          from: parseTime(from, 'from'),
          to: parseTime(to, 'to'),
        });
      },
    },
  ];
}

const NOT_KEPT = { 'Cache-Control': 'no-store' };

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function userId(text: string | undefined): number {
  const id = numberOf(text);
  if (id === undefined) throw new AppError('user.not_found', 'there is no such user');
  return id;
}
