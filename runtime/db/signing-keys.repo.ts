import type { SigningKeyRecord } from '../contracts/deployments.ts';
import type { Queryable } from './db.ts';

interface SigningKeyRow {
  key_id: string;
  public_key: string;
  signed_by: string | null;
  signature: string | null;
  active: boolean;
}

/** Every public key that was ever in use, oldest first. */
export async function listSigningKeys(q: Queryable): Promise<(SigningKeyRecord & { active: boolean })[]> {
  const { rows } = await q.query<SigningKeyRow>(
    'select key_id, public_key, signed_by, signature, active from signing_keys order by created_at, key_id',
  );
  return rows.map(({ signed_by, signature, ...row }) => ({
    ...row,
    ...(signed_by !== null && { signed_by }),
    ...(signature !== null && { signature }),
  }));
}

/** Makes a key the one in use; inside a transaction. */
export async function activateSigningKey(q: Queryable, key: SigningKeyRecord, at: Date): Promise<void> {
  await q.query('update signing_keys set active = false where active');
  await q.query(
    `insert into signing_keys (key_id, public_key, signed_by, signature, active, created_at)
     values ($1, $2, $3, $4, true, $5) on conflict (key_id) do update set active = true`,
    [key.key_id, key.public_key, key.signed_by ?? null, key.signature ?? null, at],
  );
}
