import type { Request } from 'express';
import { AppError } from '../contracts/errors.ts';
import type { User } from '../contracts/users.ts';
import type { Accounts } from './auth/accounts.ts';
import { sessionOf } from './auth/cookies.ts';

/** Who asks: the one in whose name the server asks itself, else the user of `Authorization: Bearer`, else of the console's cookie. A token in the address is never looked at: addresses end up in logs. */
export function authenticator(
  accounts: Accounts,
  actingUser: (req: Request) => User | undefined = () => undefined,
): (req: Request) => Promise<User> {
  return async (req) => {
    const acting = actingUser(req);
    if (acting) return acting;
    const header = req.get('Authorization');
    if (header === undefined) {
      const session = sessionOf(req);
      if (session !== undefined) return accounts.userOfToken(session);
      throw new AppError('auth.missing', 'log in first: this needs an Authorization header');
    }
    const [, token] = /^Bearer ([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(header) ?? [];
    if (token === undefined)
      throw new AppError('auth.invalid', 'the Authorization header must be "Bearer" and a token');
    return accounts.userOfToken(token);
  };
}
