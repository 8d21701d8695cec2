import type { StoredAppPassword } from '../contracts/services.ts';
import type { Queryable } from './db.ts';

interface AppPasswordRow {
  id: number;
  user_id: number;
  name: string;
  hash: Buffer;
  created_at: Date;
  last_used_at: Date | null;
}

const COLUMNS = 'id, user_id, name, hash, created_at, last_used_at';

/** Keeps a new app password; undefined when its public part is taken. */
export async function insertAppPassword(
  q: Queryable,
  made: { userId: number; name: string; key: string; hash: Buffer; at: number },
): Promise<StoredAppPassword | undefined> {
  const { rows } = await q.query<AppPasswordRow>(
    `insert into app_passwords (user_id, name, key, hash, created_at) values ($1, $2, $3, $4, $5)
     on conflict (key) do nothing returning ${COLUMNS}`,
    [made.userId, made.name, made.key, made.hash, new Date(made.at)],
  );
  return rows[0] && fromRow(rows[0]);
}

/** The app password with this public part. */
export async function findAppPassword(q: Queryable, key: string): Promise<StoredAppPassword | undefined> {
  const { rows } = await q.query<AppPasswordRow>(`select ${COLUMNS} from app_passwords where key = $1`, [key]);
  return rows[0] && fromRow(rows[0]);
}

/** A user's app passwords, newest first. */
export async function listAppPasswords(q: Queryable, userId: number): Promise<StoredAppPassword[]> {
  const { rows } = await q.query<AppPasswordRow>(
    `select ${COLUMNS} from app_passwords where user_id = $1 order by id desc`,
    [userId],
  );
  return rows.map(fromRow);
}

/** Ends an app password of that user; false when there is none. */
export async function deleteAppPassword(q: Queryable, userId: number, id: number): Promise<boolean> {
  const { rowCount } = await q.query('delete from app_passwords where user_id = $1 and id = $2', [userId, id]);
  return rowCount > 0;
}

/** Notes that it was used. */
export async function touchAppPassword(q: Queryable, id: number, at: number): Promise<void> {
  await q.query('update app_passwords set last_used_at = $2 where id = $1', [id, new Date(at)]);
}

function fromRow({ id, user_id, name, hash, created_at, last_used_at }: AppPasswordRow): StoredAppPassword {
  return {
    id,
    userId: user_id,
    name,
    hash,
    createdAt: created_at.getTime(),
    ...(last_used_at && { lastUsedAt: last_used_at.getTime() }),
  };
}
