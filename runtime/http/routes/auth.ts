import { Type } from 'typebox';
import { LoginBody, PasswordBody } from '../../contracts/users.ts';
import { type Accounts, userRecord } from '../auth/accounts.ts';
import { Answer, type RouteSpec } from '../route.ts';

const RefreshBody = Type.Object(
  { refresh_token: Type.String({ minLength: 1, maxLength: 200 }) },
  { additionalProperties: false },
);

/** Login, refresh, logout, who am I, new password. */
export function authRoutes(accounts: Accounts): RouteSpec[] {
  const tag = 'auth';
  return [
    {
      method: 'post',
      path: '/auth/login',
      access: 'open',
      tag,
      summary: 'Log in with user name or e-mail address, and password',
      body: LoginBody,
      handle: ({ body, req }) => accounts.login(body as LoginBody, req.ip ?? ''),
    },
    {
      method: 'post',
      path: '/auth/refresh',
      access: 'open',
      tag,
      summary: 'Exchange a refresh token for a new pair; each is good for one use',
      body: RefreshBody,
      handle: ({ body }) => accounts.refresh((body as { refresh_token: string }).refresh_token),
    },
    {
      method: 'post',
      path: '/auth/logout',
      access: 'open',
      tag,
      summary: 'End the session of a refresh token',
      body: RefreshBody,
      status: 204,
      async handle({ body }) {
        await accounts.logout((body as { refresh_token: string }).refresh_token);
        return new Answer(204);
      },
    },
    {
      method: 'get',
      path: '/auth/me',
      access: 'viewer',
      tag,
      summary: 'Who the token belongs to',
      handle: ({ user }) => userRecord(user),
    },
    {
      method: 'post',
      path: '/auth/password',
      access: 'viewer',
      tag,
      summary: 'Change your own password; other sessions end',
      body: PasswordBody,
      status: 204,
      async handle({ user, body, req }) {
        await accounts.changePassword(user, body as PasswordBody, req.ip ?? '');
        return new Answer(204);
      },
    },
  ];
}
