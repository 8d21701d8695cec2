import type { StoredUser, UserStore, UserTrouble } from '../contracts/services.ts';
import type { Role } from '../contracts/users.ts';
import {
  deleteAppPassword,
  findAppPassword,
  insertAppPassword,
  listAppPasswords,
  touchAppPassword,
} from './app-passwords.repo.ts';
import { listAudit, writeAudit } from './audit.repo.ts';
import type { Db, Queryable } from './db.ts';
import { isDuplicate } from './postgres-errors.ts';

interface UserRow {
  id: number;
  name: string;
  email: string | null;
  role: Role;
  password_hash: string;
  must_change_password: boolean;
  password_given: boolean;
  may_edit_flows: boolean;
  cameras: string[] | null;
  disabled_at: Date | null;
  long_token: boolean;
}

const COLUMNS =
  'id, name, email, role, password_hash, must_change_password, password_given, may_edit_flows, cameras, disabled_at, long_token';

/** Locked, all and in one order, so that of two administrators who would take each other out one stays. */
const ADMINS = "admins as (select id from users where role = 'admin' and disabled_at is null order by id for update)";
const ANOTHER = '(select count(*) from admins where id <> $1) > 0';
/** Whether $1 administers now. */
const IS_ADMIN = "(select role = 'admin' and disabled_at is null from users where id = $1)";

/** Users and refresh tokens in the database; made on a transaction, its changes are part of that. */
export function createUserStore(db: Db | Queryable): UserStore {
  const one = async (where: string, params: unknown[]): Promise<StoredUser | undefined> => {
    const { rows } = await db.query<UserRow>(`select ${COLUMNS} from users where ${where}`, params);
    return rows[0] && fromRow(rows[0]);
  };
  const why = async (id: number, leaves: boolean): Promise<UserTrouble> => {
    const user = await one('id = $1', [id]);
    if (!user) return 'unknown';
    return leaves && user.role === 'admin' && !user.disabled ? 'last_admin' : 'exists';
  };
  const store: UserStore = {
    byLogin: (login) => one('lower(name) = lower($1) or lower(email) = lower($1) order by id limit 1', [login]),
    byId: (id) => one('id = $1', [id]),
    async count() {
      const { rows } = await db.query<{ n: number }>('select count(*) as n from users');
      return rows[0]?.n ?? 0;
    },
    async create(user) {
      // A name that is another's address would make the login ambiguous.
      const { rows } = await db.query<UserRow>(
        `insert into users (name, email, role, password_hash, must_change_password, may_edit_flows, cameras, long_token, password_given)
         select $1::text, $2::text, $3::text, $4::text, $5::boolean, $6::boolean, $7::text[], $8::boolean, $9::boolean
          where not exists (select 1 from users where lower(name) in (lower($1), lower($2)) or lower(email) in (lower($1), lower($2)))
         on conflict do nothing returning ${COLUMNS}`,
        [
          user.name,
          user.email,
          user.role,
          user.passwordHash,
          user.mustChangePassword,
          user.mayEditFlows,
          user.cameras,
          user.longToken ?? false,
          user.passwordGiven ?? false,
        ],
      );
      return rows[0] && fromRow(rows[0]);
    },
    async list() {
      return (await db.query<UserRow>(`select ${COLUMNS} from users order by lower(name)`)).rows.map(fromRow);
    },
    async update(id, change) {
      const stays = (change.role ?? 'admin') === 'admin' && change.disabled !== true;
      try {
        const { rows } = await db.query<UserRow>(
          `with ${ADMINS}
           update users set email = case when $2 then $3 else email end, role = coalesce($4, role),
                  cameras = case when $5 then $6::text[] else cameras end, may_edit_flows = coalesce($7, may_edit_flows),
                  long_token = coalesce($8, long_token),
                  disabled_at = case when $9::boolean is null then disabled_at when $9 then coalesce(disabled_at, now()) end
            where id = $1 and ($10 or not ${IS_ADMIN} or ${ANOTHER})
              and not ($2 and $3::text is not null and exists (select 1 from users o where o.id <> $1 and lower(o.name) = lower($3)))
           returning ${COLUMNS}`,
          [
            id,
            change.email !== undefined,
            change.email ?? null,
            change.role ?? null,
            change.cameras !== undefined,
            change.cameras ?? null,
            change.mayEditFlows ?? null,
            change.longToken ?? null,
            change.disabled ?? null,
            stays,
          ],
        );
        return rows[0] ? fromRow(rows[0]) : await why(id, !stays);
      } catch (error) {
        if (isDuplicate(error)) return 'exists';
        throw error;
      }
    },
    async remove(id) {
      const { rowCount } = await db.query(
        `with ${ADMINS} delete from users where id = $1 and (not ${IS_ADMIN} or ${ANOTHER})`,
        [id],
      );
      return rowCount > 0 ? 'removed' : why(id, true);
    },
    async setPassword(id, passwordHash, mustChange, given = false) {
      await db.query(
        'update users set password_hash = $2, must_change_password = $3, password_given = $4 where id = $1',
        [id, passwordHash, mustChange, given],
      );
    },
    async addRefresh({ hash, family, userId, expiresAt }) {
      await db.query('delete from refresh_tokens where user_id = $1 and expires_at < now()', [userId]);
      await db.query('insert into refresh_tokens (hash, family, user_id, expires_at) values ($1, $2, $3, $4)', [
        hash,
        family,
        userId,
        new Date(expiresAt),
      ]);
    },
    async useRefresh(hash, now) {
      // The row is locked while it is judged, so that of two uses at once exactly one finds it fresh.
      const { rows } = await db.query<{ user_id: number; family: string; used_at: Date | null; expires_at: Date }>(
        `update refresh_tokens as t set used_at = coalesce(before.used_at, $2)
         from (select hash, used_at from refresh_tokens where hash = $1 for update) as before
         where t.hash = before.hash
         returning t.user_id, t.family, before.used_at, t.expires_at`,
        [hash, new Date(now)],
      );
      const row = rows[0];
      if (!row) return undefined;
      const state = row.used_at ? 'used' : row.expires_at.getTime() <= now ? 'expired' : 'fresh';
      return { userId: row.user_id, family: row.family, state };
    },
    async sessionHolder(hash, now) {
      const { rows } = await db.query<{ user_id: number }>(
        'select user_id from refresh_tokens where hash = $1 and used_at is null and expires_at > $2',
        [hash, new Date(now)],
      );
      return rows[0]?.user_id;
    },
    async revokeFamily(family) {
      await db.query('delete from refresh_tokens where family = $1', [family]);
    },
    async revokeAll(userId) {
      await db.query('delete from refresh_tokens where user_id = $1', [userId]);
    },
    addAppPassword: (made) => insertAppPassword(db, made),
    appPasswords: (userId) => listAppPasswords(db, userId),
    appPassword: (key) => findAppPassword(db, key),
    removeAppPassword: (userId, id) => deleteAppPassword(db, userId, id),
    touchAppPassword: (id, at) => touchAppPassword(db, id, at),
    audit: (entry) => writeAudit(db, entry),
    auditLog: (query) => listAudit(db, query),
    tx: (work) => ('tx' in db ? db.tx((q) => work(createUserStore(q))) : work(store)),
  };
  return store;
}

function fromRow(row: UserRow): StoredUser {
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    role: row.role,
    cameras: row.cameras,
    mayEditFlows: row.may_edit_flows || row.role === 'admin',
    mustChangePassword: row.must_change_password,
    passwordGiven: row.password_given,
    passwordHash: row.password_hash,
    disabled: row.disabled_at !== null,
    longToken: row.long_token,
  };
}
