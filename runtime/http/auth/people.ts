import { randomBytes } from 'node:crypto';
import type { UserAccount } from '../../contracts/api.ts';
import { AppError } from '../../contracts/errors.ts';
import type { Release } from '../../contracts/host.ts';
import type { Actor, StoredUser, UserStore, UserTrouble } from '../../contracts/services.ts';
import type { AppPasswordMade, AppPasswordRecord, UserCreate, UserPatch } from '../../contracts/users.ts';
import type { AppPasswords } from './app-passwords.ts';
import { hashPassword } from './passwords.ts';

/** Somebody's rights changed, they were shut out, or their password was reset: what they hold open has to be looked at again. */
export type RightsListener = (user: { id: number; name: string; sees(camera: string): boolean }) => void;

/** The users, as administrators keep them. Each change stands in the audit log; the last administrator stays one. */
export class People {
  readonly #store: UserStore;
  readonly #appPasswords: AppPasswords;
  readonly #listeners = new Set<RightsListener>();

  constructor(options: { store: UserStore; appPasswords: AppPasswords }) {
    this.#store = options.store;
    this.#appPasswords = options.appPasswords;
  }

  /** Calls after each change that takes something away, or may. */
  onRights(listener: RightsListener): Release {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Everybody, by name. */
  async list(): Promise<UserAccount[]> {
    return Promise.all((await this.#store.list()).map((user) => this.#account(user)));
  }

  /** Adds a user. Without a password one is made up and stands in the answer, once. Throws `user.exists`. */
  async create(body: UserCreate, actor: Actor): Promise<UserAccount> {
    const made = body.password === undefined ? randomBytes(12).toString('base64url') : undefined;
    const mustChange = body.must_change_password ?? made !== undefined;
    const passwordHash = await hashPassword(body.password ?? made ?? '');
    const user = await this.#store.tx(async (store) => {
      const created = await store.create({
        name: body.name,
        email: body.email ?? null,
        role: body.role,
        cameras: body.cameras ?? null,
        mayEditFlows: body.may_edit_flows ?? false,
        longToken: body.long_token ?? false,
        mustChangePassword: mustChange,
        passwordGiven: mustChange,
        passwordHash,
      });
      if (!created) throw exists();
      const details = { role: created.role, cameras: created.cameras, may_edit_flows: created.mayEditFlows };
      await store.audit({ ...traced(actor, 'user.create', created), details });
      return created;
    });
    return { ...(await this.#account(user)), ...(made !== undefined && { password: made }) };
  }

  /** Changes rights, resets the password, shuts out. Throws `user.not_found`, `user.exists`, `user.last_admin`. */
  async patch(id: number, body: UserPatch, actor: Actor): Promise<UserAccount> {
    const { password, must_change_password: mustChange = true, may_edit_flows, long_token, ...rest } = body;
    if (password === undefined && body.must_change_password !== undefined)
      throw new AppError('request.invalid', 'must_change_password goes with a password', {
        field: 'must_change_password',
      });
    const passwordHash = password === undefined ? undefined : await hashPassword(password);
    const user = await this.#store.tx(async (store) => {
      const changed = settled(await store.update(id, { ...rest, mayEditFlows: may_edit_flows, longToken: long_token }));
      if (passwordHash !== undefined) await store.setPassword(id, passwordHash, mustChange, mustChange);
      if (passwordHash !== undefined || body.disabled === true) await store.revokeAll(id);
      const details = { ...body, ...(password !== undefined && { password: 'reset' }) };
      await store.audit({ ...traced(actor, 'user.patch', changed), details });
      return (await store.byId(id)) ?? changed;
    });
    this.#tell(user);
    return this.#account(user);
  }

  /** Throws `user.not_found` and `user.last_admin`. */
  async remove(id: number, actor: Actor): Promise<void> {
    const user = await this.#store.tx(async (store) => {
      const known = await store.byId(id);
      if (!known) throw unknown();
      const result = await store.remove(id);
      if (result !== 'removed') throw troubleOf(result);
      await store.audit(traced(actor, 'user.delete', known));
      return known;
    });
    this.#tell({ ...user, disabled: true });
  }

  /** The app passwords of a user; throws `user.not_found`. */
  async credentials(id: number): Promise<AppPasswordRecord[]> {
    await this.#known(id);
    return this.#appPasswords.list(id);
  }

  /** A new app password, shown this once; throws `user.not_found`. */
  async addCredential(id: number, name: string, actor: Actor): Promise<AppPasswordMade> {
    return this.#store.tx(async (store) => {
      const user = await store.byId(id);
      if (!user) throw unknown();
      const made = await this.#appPasswords.make(id, name, store);
      await store.audit({ ...traced(actor, 'credential.create', user), details: { credential: made.id, name } });
      return made;
    });
  }

  /** Ends an app password at once; throws `user.not_found`, `credential.not_found`. */
  async revokeCredential(id: number, credential: number, actor: Actor): Promise<void> {
    const user = await this.#known(id);
    await this.#store.tx(async (store) => {
      if (!(await store.removeAppPassword(id, credential)))
        throw new AppError('credential.not_found', 'this user has no such app password');
      await store.audit({ ...traced(actor, 'credential.delete', user), details: { credential } });
    });
    this.#tell(user);
  }

  async #known(id: number): Promise<StoredUser> {
    const user = await this.#store.byId(id);
    if (!user) throw unknown();
    return user;
  }

  async #account(user: StoredUser): Promise<UserAccount> {
    return {
      id: user.id,
      name: user.name,
      email: user.email,
      role: user.role,
      cameras: user.cameras,
      may_edit_flows: user.mayEditFlows,
      must_change_password: user.mustChangePassword,
      long_token: user.longToken ?? false,
      disabled: user.disabled,
      app_passwords: (await this.#store.appPasswords(user.id)).length,
    };
  }

  #tell({ id, name, disabled, cameras }: StoredUser): void {
    const sees = (camera: string) => !disabled && (cameras === null || cameras.includes(camera));
    for (const listener of this.#listeners) listener({ id, name, sees });
  }
}

function traced(actor: Actor, action: string, user: StoredUser) {
  return { actor: actor.name, ...(actor.ip !== undefined && { ip: actor.ip }), action, object: `user/${user.name}` };
}

function settled(result: StoredUser | UserTrouble): StoredUser {
  if (typeof result === 'string') throw troubleOf(result);
  return result;
}

function troubleOf(trouble: UserTrouble): AppError {
  if (trouble === 'unknown') return unknown();
  if (trouble === 'exists') return exists();
  return new AppError(
    'user.last_admin',
    'nobody would be left who administers: make another user an administrator first',
  );
}

function unknown(): AppError {
  return new AppError('user.not_found', 'there is no such user');
}

function exists(): AppError {
  return new AppError('user.exists', 'another user has this name or e-mail address already', { field: 'name' });
}
