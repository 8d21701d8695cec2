import { jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { User } from '../../contracts/users.ts';
import type { Accounts } from './accounts.ts';

const LIFETIME_S = 5 * 60;
const ISSUER = 'redeye';
const AUDIENCE = 'redeye-stream';

/**
 * Tokens for `<img>` and `<video>`, which can send no header: `?token=`, five minutes, for one camera's pictures and reading only. They are
 * signed with a key of their own, so that no other route takes one, and end with the user's password.
 */
export class StreamTokens {
  readonly #accounts: Accounts;
  readonly #clock: Clock;

  constructor(options: { accounts: Accounts; clock: Clock }) {
    this.#accounts = options.accounts;
    this.#clock = options.clock;
  }

  /** A token for that user and camera; the rights are checked by the caller, and again at each use. */
  async issue(user: User, camera: string): Promise<{ token: string; expiresAt: number }> {
    const seconds = Math.floor(this.#clock.now() / 1000);
    const token = await new SignJWT({ cam: camera, pwd: await this.#accounts.printOf(user.id) })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(String(user.id))
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setExpirationTime(seconds + LIFETIME_S)
      .sign(this.#key());
    return { token, expiresAt: (seconds + LIFETIME_S) * 1000 };
  }

  /** Whose token it is; throws `auth.expired`, or `auth.invalid` also for another camera's. */
  async userOf(token: string, camera: string): Promise<User> {
    let found: { sub?: string; cam?: unknown; pwd?: unknown };
    try {
      const { payload } = await jwtVerify(token, this.#key(), {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate: new Date(this.#clock.now()),
      });
      found = payload;
    } catch (cause) {
      if ((cause as { code?: string }).code === 'ERR_JWT_EXPIRED')
        throw new AppError('auth.expired', 'the stream token has expired', {}, { cause });
      throw new AppError('auth.invalid', 'the stream token is not valid', {}, { cause });
    }
    if (found.cam !== camera) throw new AppError('auth.invalid', 'the stream token is for another camera');
    return this.#accounts.holder(Number(found.sub), found.pwd);
  }

  #key(): Uint8Array {
    return this.#accounts.keyFor('stream tokens');
  }
}
