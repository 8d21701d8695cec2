import { jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../contracts/errors.ts';
import type { Clock } from '../../contracts/host.ts';
import type { User } from '../../contracts/users.ts';
import type { Accounts } from './accounts.ts';

const LIFETIME_S = 5 * 60;
/** Who watches by HLS asks again and again with the token that the playlist began with: while this is the longest pause, it goes on. */
const IN_USE_MS = 30_000;
/** But not for ever. */
const LONGEST_S = 12 * 3600;
const MOST_IN_USE = 5000;
const ISSUER = 'redeye';
const AUDIENCE = 'redeye-stream';

/**
 * Tokens for `<img>` and `<video>`, which can send no header: `?token=`, five minutes, for one camera's pictures and reading only. An
 * HLS player asks for each piece with the token it began with: for that it stays good while it is in use. They are signed with a key of their own, so that no
 * other route takes one, and end with the user's password.
 */
export class StreamTokens {
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  /** tokens that were taken lately, the one longest ago first: monotonic ms of the last time */
  readonly #used = new Map<string, number>();

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

  /**
   * Whose token it is; throws `auth.expired`, or `auth.invalid` also for another camera's. `goesOn`: a piece of a viewing that may have begun
   * while the token was good.
   */
  async userOf(token: string, camera: string, goesOn = false): Promise<User> {
    let found: { sub?: string; cam?: unknown; pwd?: unknown };
    try {
      const { payload } = await jwtVerify(token, this.#key(), {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate: new Date(this.#clock.now()),
        clockTolerance: goesOn && this.#isInUse(token) ? LONGEST_S : 0,
      });
      found = payload;
    } catch (cause) {
      if ((cause as { code?: string }).code === 'ERR_JWT_EXPIRED')
        throw new AppError('auth.expired', 'the stream token has expired', {}, { cause });
      throw new AppError('auth.invalid', 'the stream token is not valid', {}, { cause });
    }
    if (found.cam !== camera) throw new AppError('auth.invalid', 'the stream token is for another camera');
    const user = await this.#accounts.holder(Number(found.sub), found.pwd);
    if (goesOn) this.#note(token);
    return user;
  }

  #isInUse(token: string): boolean {
    const usedMs = this.#used.get(token);
    return usedMs !== undefined && this.#clock.monotonicMs() - usedMs <= IN_USE_MS;
  }

  #note(token: string): void {
    this.#used.delete(token);
    this.#used.set(token, this.#clock.monotonicMs());
    for (const oldest of this.#used.keys()) {
      if (this.#used.size <= MOST_IN_USE && this.#isInUse(oldest)) return;
      this.#used.delete(oldest);
    }
  }

  #key(): Uint8Array {
    return this.#accounts.keyFor('stream tokens');
  }
}
