import type { Request } from 'express';
import { AppError } from '../contracts/errors.ts';
import type { User } from '../contracts/users.ts';
import { type Accounts, EDITOR_TOKEN, requireOwnPassword } from './auth/accounts.ts';
import { sessionOf } from './auth/cookies.ts';

/**
 * Answers who asks; somebody who has to change their password first is nobody's user but where `despitePasswordChange` is said. The session
 * of the flow editor counts only where `byEditor` is said: its pages run nodes of others, which should reach no more than they need.
 */
export type Authenticate = (
  req: Request,
  where?: { despitePasswordChange?: boolean | undefined; byEditor?: boolean | undefined },
) => Promise<User>;

/** Who asks: the one in whose name the server asks itself, else the user of `Authorization: Bearer`, else of the console's cookie. A token in the address is never looked at: addresses end up in logs. */
export function authenticator(
  accounts: Accounts,
  actingUser: (req: Request) => User | undefined = () => undefined,
): Authenticate {
  const holder = async (token: string, despitePasswordChange: boolean): Promise<User> => {
    const user = await accounts.userOfToken(token);
    if (!despitePasswordChange) requireOwnPassword(user);
    return user;
  };
  return async (req, { despitePasswordChange = false, byEditor = false } = {}) => {
    const acting = actingUser(req);
    if (acting) return acting;
    const header = req.get('Authorization');
    if (header === undefined) {
      const session = sessionOf(req);
      if (session !== undefined) return holder(session, despitePasswordChange);
      throw new AppError('auth.missing', 'log in first: this needs an Authorization header');
    }
    const [, token] = /^Bearer ([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(header) ?? [];
    if (token === undefined)
      throw new AppError('auth.invalid', 'the Authorization header must be "Bearer" and a token');
    if (!byEditor || !token.startsWith(EDITOR_TOKEN)) return holder(token, despitePasswordChange);
    const user = await accounts.userOfEditorSession(token);
    requireOwnPassword(user);
    if (!user.mayEditFlows) throw new AppError('auth.invalid', 'this user may not edit flows any more');
    return user;
  };
}
