import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { LoginAnswer, UserRecord } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { StoredUser, UserStore } from '../../contracts/services.ts';
import type { LoginBody, PasswordBody, User } from '../../contracts/users.ts';
import { hashPassword, passwordChecksFull, verifyNobody, verifyPassword } from './passwords.ts';
import { LoginThrottle, limitsOf } from './throttle.ts';

const ACCESS_S = 15 * 60;
const REFRESH_MS = 30 * 24 * 3600_000;
const ISSUER = 'redeye';
const AUDIENCE = 'redeye-api';

/**
 * People and their tokens: login, rotation, password. Access tokens are JWTs of 15 minutes (HS256, issuer and audience pinned);
 * refresh tokens are random, kept as hashes and good for one use: a used one seen again ends its whole family.
 */
export class Accounts {
  readonly #store: UserStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #key: Uint8Array;
  readonly #throttle: LoginThrottle;

  constructor(options: { store: UserStore; clock: Clock; log: Log; key: Uint8Array }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log.child('auth');
    this.#key = options.key;
    this.#throttle = new LoginThrottle(options.clock);
  }

  /** Makes `admin` when there is no user at all. Answers the password when it was made up and has to be shown once. */
  async ensureAdmin(given: string | undefined): Promise<string | undefined> {
    if ((await this.#store.count()) > 0) return undefined;
    const password = given ?? randomBytes(12).toString('base64url');
    await this.#store.create({
      name: 'admin',
      email: null,
      role: 'admin',
      cameras: null,
      mayEditFlows: true,
      mustChangePassword: given === undefined,
      passwordHash: await hashPassword(password),
    });
    await this.#store.audit({ actor: 'setup', action: 'user.created', object: 'user:admin' });
    return given === undefined ? password : undefined;
  }

  /** Throws `auth.invalid`, the same for an unknown name as for a wrong password, or `auth.too_many_tries`. */
  async login(body: LoginBody, ip: string): Promise<LoginAnswer> {
    const user = await this.checkPassword(body.email, body.password, ip);
    return this.#answer(user, randomUUID());
  }

  /** Checks name and password; used by the login, Basic auth and the flow editor, which does not know the address. */
  async checkPassword(login: string, password: string, ip: string | undefined): Promise<StoredUser> {
    const limits = limitsOf(login, ip);
    this.#throttle.check(limits);
    if (passwordChecksFull()) throw new AppError('auth.too_many_tries', 'too many logins at once', { retryAfterS: 1 });
    const user = await this.#store.byLogin(login);
    const right = user ? await verifyPassword(password, user.passwordHash) : await verifyNobody(password);
    if (!user || !right || user.disabled) {
      this.#throttle.failed(limits);
      this.#log.warn('login refused', { login: login.slice(0, 100), ip });
      throw new AppError('auth.invalid', 'wrong user or password');
    }
    this.#throttle.succeeded(limits);
    return user;
  }

  /** Exchanges a refresh token for a new pair. */
  async refresh(token: string): Promise<LoginAnswer> {
    const used = await this.#store.useRefresh(sha256(token), this.#clock.now());
    if (used?.state === 'used') {
      await this.#store.revokeFamily(used.family);
      this.#log.warn('a refresh token was used twice; its sessions are ended', { user: used.userId });
    }
    if (used?.state !== 'fresh')
      throw new AppError('auth.invalid', 'the refresh token is not valid (any more); log in again');
    const user = await this.#store.byId(used.userId);
    if (!user || user.disabled) throw new AppError('auth.invalid', 'the user is gone or disabled');
    return this.#answer(user, used.family);
  }

  /** Ends the session that the refresh token belongs to; an unknown one is no error. */
  async logout(token: string): Promise<void> {
    const used = await this.#store.useRefresh(sha256(token), this.#clock.now());
    if (used) await this.#store.revokeFamily(used.family);
  }

  async changePassword(user: User, body: PasswordBody, ip: string): Promise<void> {
    const stored = await this.checkPassword(user.name, body.current_password, ip);
    if (body.new_password === body.current_password) {
      throw new AppError('request.invalid', 'new_password must differ from the current one', { field: 'new_password' });
    }
    await this.#store.setPassword(stored.id, await hashPassword(body.new_password), false);
    await this.#store.revokeAll(stored.id);
    await this.#store.audit({
      actor: `user:${user.name}`,
      action: 'user.password_changed',
      object: `user:${user.name}`,
      ip,
    });
  }

  /** Who holds this access token; throws `auth.expired` or `auth.invalid`. The user is read afresh, so that a disabled one is out at once. */
  async userOfToken(token: string): Promise<User> {
    let id: number;
    let secret: unknown;
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate: new Date(this.#clock.now()),
      });
      id = Number(payload.sub);
      secret = payload.pwd;
    } catch (cause) {
      const expired = (cause as { code?: string }).code === 'ERR_JWT_EXPIRED';
      throw new AppError(
        expired ? 'auth.expired' : 'auth.invalid',
        expired ? 'the token has expired' : 'the token is not valid',
        {},
        { cause },
      );
    }
    return this.holder(id, secret);
  }

  /** The user of a token that holds their id and the print of their password; read afresh. Throws `auth.invalid`. */
  async holder(id: number, print: unknown): Promise<StoredUser> {
    const user = await this.#store.byId(id);
    if (!user || user.disabled) throw new AppError('auth.invalid', 'the user is gone or disabled');
    if (print !== printOf(user)) throw new AppError('auth.invalid', 'the password has changed since; log in again');
    return user;
  }

  /** What a token of that user holds, so that `holder` finds them again. */
  async printOf(id: number): Promise<string> {
    const user = await this.#store.byId(id);
    if (!user || user.disabled) throw new AppError('auth.invalid', 'the user is gone or disabled');
    return printOf(user);
  }

  /** A key for another kind of token, made from ours: neither kind is ever taken for the other. */
  keyFor(purpose: string): Uint8Array {
    return createHmac('sha256', this.#key).update(purpose).digest();
  }

  /** A user by name, for sessions that other parts keep (the flow editor's). */
  async userOfName(name: string): Promise<User | undefined> {
    const user = await this.#store.byLogin(name);
    return user && !user.disabled ? user : undefined;
  }

  async #answer(user: StoredUser, family: string): Promise<LoginAnswer> {
    const now = this.#clock.now();
    const seconds = Math.floor(now / 1000);
    const access = await new SignJWT({ role: user.role, name: user.name, pwd: printOf(user) })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(String(user.id))
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + ACCESS_S)
      .setJti(randomUUID())
      .sign(this.#key);
    const refresh = randomBytes(32).toString('base64url');
    await this.#store.addRefresh({ hash: sha256(refresh), family, userId: user.id, expiresAt: now + REFRESH_MS });
    return {
      access_token: access,
      token_type: 'Bearer',
      expires_in: ACCESS_S,
      refresh_token: refresh,
      user: userRecord(user),
    };
  }
}

/** A user as the API shows them. */
export function userRecord(user: User): UserRecord {
  return {
    id: user.id,
    name: user.name,
    email: user.email,
    role: user.role,
    cameras: user.cameras,
    may_edit_flows: user.mayEditFlows,
    must_change_password: user.mustChangePassword,
  };
}

/** Binds a token to the password it was got with: a new password ends every session, wherever it was set. */
function printOf(user: StoredUser): string {
  return sha256(user.passwordHash).toString('base64url', 0, 12);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
