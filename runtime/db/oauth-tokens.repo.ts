import type { Queryable } from './db.ts';

/** An account at a service. */
export interface OauthRow {
  /** the refresh token, encrypted */
  secret: string;
  account: string | null;
  state: 'connected' | 'revoked';
  reason: string | null;
}

/** The account at a service; undefined before the first was connected. */
export async function findOauth(q: Queryable, service: string): Promise<OauthRow | undefined> {
  const { rows } = await q.query<OauthRow>(
    'select secret, account, state, reason from oauth_tokens where service = $1',
    [service],
  );
  return rows[0];
}

/** Connects an account in the place of the one before. */
export async function putOauth(
  q: Queryable,
  service: string,
  account: { secret: string; account: string | null; by: string },
): Promise<void> {
  await q.query(
    `insert into oauth_tokens (service, secret, account, state, connected_by, created_at, updated_at)
     values ($1, $2, $3, 'connected', $4, now(), now())
     on conflict (service) do update set secret = excluded.secret, account = excluded.account, state = 'connected', reason = null,
       connected_by = excluded.connected_by, updated_at = now()`,
    [service, account.secret, account.account, account.by],
  );
}

/** The service takes the token no more. */
export async function revokeOauth(q: Queryable, service: string, reason: string): Promise<void> {
  await q.query(`update oauth_tokens set state = 'revoked', reason = $2, updated_at = now() where service = $1`, [
    service,
    reason,
  ]);
}

/** Forgets the account. */
export async function deleteOauth(q: Queryable, service: string): Promise<void> {
  await q.query('delete from oauth_tokens where service = $1', [service]);
}
