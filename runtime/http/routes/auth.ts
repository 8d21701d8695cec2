import { Type } from 'typebox';
import { LoginAnswer, UserRecord } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';
import { LoginBody, PasswordBody } from '../../contracts/users.ts';
import { type Accounts, userRecord } from '../auth/accounts.ts';
import { dropCookies, isConsole, keepInCookies, refreshTokenOf } from '../auth/cookies.ts';
import { Answer, type Context, type RouteSpec } from '../route.ts';

const RefreshBody = Type.Object(
  {
    refresh_token: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'the console leaves it out: its cookie has it' }),
    ),
  },
  { title: 'RefreshBody', additionalProperties: false },
);

/** Login, refresh, logout, who am I, new password. */
export function authRoutes(accounts: Accounts, basePath: string): RouteSpec[] {
  const tag = 'auth';
  const answer = ({ req, res }: Context, login: LoginAnswer) =>
    isConsole(req) ? keepInCookies(req, res, login, basePath) : login;
  const refreshToken = ({ req, body }: Context): string => {
    const given =
      (body as { refresh_token?: string }).refresh_token ?? (isConsole(req) ? refreshTokenOf(req) : undefined);
    if (given === undefined)
      throw new AppError('request.invalid', 'refresh_token is missing', { field: 'refresh_token' });
    return given;
  };
  return [
    {
      method: 'post',
      path: '/auth/login',
      access: 'open',
      tag,
      summary: 'Log in with user name or e-mail address, and password',
      answer: LoginAnswer,
      errors: ['auth.invalid', 'auth.too_many_tries'],
      body: LoginBody,
      handle: async (context) => answer(context, await accounts.login(context.body as LoginBody, context.req.ip ?? '')),
    },
    {
      method: 'post',
      path: '/auth/refresh',
      access: 'open',
      tag,
      summary: 'Exchange a refresh token for a new pair; each is good for one use',
      answer: LoginAnswer,
      errors: ['auth.invalid'],
      body: RefreshBody,
      handle: async (context) => answer(context, await accounts.refresh(refreshToken(context))),
    },
    {
      method: 'post',
      path: '/auth/logout',
      access: 'open',
      tag,
      summary: 'End the session of a refresh token',
      body: RefreshBody,
      status: 204,
      async handle(context) {
        await accounts.logout(refreshToken(context));
        dropCookies(context.res, basePath);
        return new Answer(204);
      },
    },
    {
      method: 'get',
      path: '/auth/me',
      access: 'viewer',
      tag,
      summary: 'Who the token belongs to',
      answer: UserRecord,
      despitePasswordChange: true,
      byEditor: true,
      handle: ({ user }) => userRecord(user),
    },
    {
      method: 'post',
      path: '/auth/password',
      access: 'viewer',
      tag,
      summary: 'Change your own password; other sessions end',
      despitePasswordChange: true,
      errors: ['auth.too_many_tries'],
      body: PasswordBody,
      status: 204,
      async handle({ user, body, req }) {
        await accounts.changePassword(user, body as PasswordBody, req.ip ?? '');
        return new Answer(204);
      },
    },
  ];
}
