import type { StoredUser, UserStore } from '../contracts/services.ts';
import type { Role } from '../contracts/users.ts';
import { writeAudit } from './audit.repo.ts';
import type { Queryable } from './db.ts';

interface UserRow {
  id: number;
  name: string;
  email: string | null;
  role: Role;
  password_hash: string;
  must_change_password: boolean;
  may_edit_flows: boolean;
  cameras: string[] | null;
  disabled_at: Date | null;
}

const COLUMNS = 'id, name, email, role, password_hash, must_change_password, may_edit_flows, cameras, disabled_at';

/** Users and refresh tokens in the database; made on a transaction, its changes are part of that. */
export function createUserStore(db: Queryable): UserStore {
  const one = async (where: string, params: unknown[]): Promise<StoredUser | undefined> => {
    const { rows } = await db.query<UserRow>(`select ${COLUMNS} from users where ${where}`, params);
    return rows[0] && fromRow(rows[0]);
  };
  return {
    byLogin: (login) => one('lower(name) = lower($1) or lower(email) = lower($1) order by id limit 1', [login]),
    byId: (id) => one('id = $1', [id]),
    async count() {
      const { rows } = await db.query<{ n: number }>('select count(*) as n from users');
      return rows[0]?.n ?? 0;
    },
    async create(user) {
      const { rows } = await db.query<UserRow>(
        `insert into users (name, email, role, password_hash, must_change_password, may_edit_flows, cameras)
         values ($1, $2, $3, $4, $5, $6, $7) returning ${COLUMNS}`,
        [user.name, user.email, user.role, user.passwordHash, user.mustChangePassword, user.mayEditFlows, user.cameras],
      );
      if (!rows[0]) throw new Error('insert into users returned no row');
      return fromRow(rows[0]);
    },
    async setPassword(id, passwordHash, mustChange) {
      await db.query('update users set password_hash = $2, must_change_password = $3 where id = $1', [
        id,
        passwordHash,
        mustChange,
      ]);
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
    async revokeFamily(family) {
      await db.query('delete from refresh_tokens where family = $1', [family]);
    },
    async revokeAll(userId) {
      await db.query('delete from refresh_tokens where user_id = $1', [userId]);
    },
    audit: (entry) => writeAudit(db, entry),
  };
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
    passwordHash: row.password_hash,
    disabled: row.disabled_at !== null,
  };
}
