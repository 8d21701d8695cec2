import { createHash, createHmac, randomBytes, randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { LoginAnswer, Page, UserRecord } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Clock, Log } from '../../contracts/host.ts';
import type { StoredUser, UserStore } from '../../contracts/services.ts';
import type { AuditQuery, AuditRecord, LoginBody, PasswordBody, User } from '../../contracts/users.ts';
import { AppPasswords } from './app-passwords.ts';
import { hashPassword, passwordChecksFull, verifyNobody, verifyPassword } from './passwords.ts';
import { People } from './people.ts';
import { LoginThrottle, limitsOf } from './throttle.ts';

const ACCESS_S = 15 * 60;
/** For clients that cannot refresh, by a flag on the user. */
const LONG_ACCESS_S = 12 * 3600;
const EDITOR_MS = 7 * 24 * 3600_000;
/** What sessions of the flow editor begin with. */
export const EDITOR_TOKEN = 'red_';
const REFRESH_MS = 30 * 24 * 3600_000;
const ISSUER = 'redeye';
const AUDIENCE = 'redeye-api';
const MAX_VERIFIED = 1000;

/** What a token says whose signature was found right. */
interface Verified {
  id: number;
  /** of the password it was got with */
  print: unknown;
  /** epoch ms */
  expiresAt: number;
}

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
  readonly #verified = new Map<string, Verified>();
  readonly appPasswords: AppPasswords;
  readonly people: People;

  constructor(options: { store: UserStore; clock: Clock; log: Log; key: Uint8Array }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log.child('auth');
    this.#key = options.key;
    this.#throttle = new LoginThrottle(options.clock);
    this.appPasswords = new AppPasswords({ ...options, key: this.keyFor('app passwords') });
    this.people = new People({ store: options.store, appPasswords: this.appPasswords });
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

  /** Checks name and a user's own password; used by the login, Basic auth and the flow editor, which does not know the address. */
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

  /**
   * Checks what comes by Basic: an app password, or the user's own, which has to be changed first where it was given by somebody else.
   * Throws `auth.invalid`, `auth.too_many_tries`, `auth.password_change`.
   */
  async checkBasic(login: string, password: string, ip: string): Promise<StoredUser> {
    if (!AppPasswords.isOne(password)) {
      const user = await this.checkPassword(login, password, ip);
      requireOwnPassword(user);
      return user;
    }
    const limits = limitsOf(login, ip);
    this.#throttle.check(limits);
    try {
      return await this.appPasswords.userOf(login, password);
    } catch (error) {
      this.#throttle.failed(limits);
      throw error;
    }
  }

  /** A page of the audit log. */
  readonly audit = (query: AuditQuery): Promise<Page<AuditRecord>> => this.#store.auditLog(query);

  /**
   * A session of the flow editor, which cannot refresh: a week, ended by `endEditorSession`, a new password, or when the user is disabled.
   * Kept as a hash beside the refresh tokens; neither is ever taken for the other.
   */
  async openEditorSession(user: User): Promise<string> {
    const token = `${EDITOR_TOKEN}${randomBytes(32).toString('base64url')}`;
    const expiresAt = this.#clock.now() + EDITOR_MS;
    await this.#store.addRefresh({ hash: editorHash(token), family: randomUUID(), userId: user.id, expiresAt });
    return token;
  }

  /** Who holds this session of the editor; throws `auth.invalid`. */
  async userOfEditorSession(token: string): Promise<User> {
    const id = await this.#store.sessionHolder(editorHash(token), this.#clock.now());
    const user = id === undefined ? undefined : await this.#store.byId(id);
    if (!user || user.disabled) throw new AppError('auth.invalid', 'the session has ended');
    return user;
  }

  async endEditorSession(token: string): Promise<void> {
    const used = await this.#store.useRefresh(editorHash(token), this.#clock.now());
    if (used) await this.#store.revokeFamily(used.family);
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
    const known = this.#verified.get(token);
    if (known && known.expiresAt > this.#clock.now()) return this.holder(known.id, known.print);
    let id: number;
    let print: unknown;
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: AUDIENCE,
        currentDate: new Date(this.#clock.now()),
      });
      id = Number(payload.sub);
      print = payload.pwd;
      this.#remember(token, { id, print, expiresAt: (payload.exp ?? 0) * 1000 });
    } catch (cause) {
      const expired = (cause as { code?: string }).code === 'ERR_JWT_EXPIRED';
      throw new AppError(
        expired ? 'auth.expired' : 'auth.invalid',
        expired ? 'the token has expired' : 'the token is not valid',
        {},
        { cause },
      );
    }
    return this.holder(id, print);
  }

  /** A signature that was right stays right; the oldest token goes when there are too many. */
  #remember(token: string, seen: Verified): void {
    for (const [oldest] of this.#verified) {
      if (this.#verified.size < MAX_VERIFIED) break;
      this.#verified.delete(oldest);
    }
    this.#verified.set(token, seen);
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

  async #answer(user: StoredUser, family: string): Promise<LoginAnswer> {
    const now = this.#clock.now();
    const seconds = Math.floor(now / 1000);
    const lifetime = user.longToken ? LONG_ACCESS_S : ACCESS_S;
    const access = await new SignJWT({ role: user.role, name: user.name, email: user.email, pwd: printOf(user) })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(String(user.id))
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + lifetime)
      .setJti(randomUUID())
      .sign(this.#key);
    const refresh = randomBytes(32).toString('base64url');
    await this.#store.addRefresh({ hash: sha256(refresh), family, userId: user.id, expiresAt: now + REFRESH_MS });
    return {
      access_token: access,
      token_type: 'Bearer',
      expires_in: lifetime,
      refresh_token: refresh,
      user: { ...userRecord(user), username: user.name, fullName: null, labRole: null, preferences: {} },
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

/** Throws `auth.password_change` for somebody whose password somebody else chose. */
export function requireOwnPassword(user: User): void {
  if (user.passwordGiven)
    throw new AppError('auth.password_change', 'set a password of your own first: POST /api/v1/auth/password');
}

function editorHash(token: string): Buffer {
  return sha256(`editor ${token}`);
}

/** Binds a token to the password it was got with: a new password ends every session, wherever it was set. */
function printOf(user: StoredUser): string {
  return sha256(user.passwordHash).toString('base64url', 0, 12);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
